"""eggwatch site"""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path

import click

from eggwatch.cli.logs import log_as
from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import say_error
from eggwatch.cli.serve import SIGNALS, signals_blocked
from eggwatch.linux import capabilities
from eggwatch.maintenance.preview import Preview
from eggwatch.webserver.listening import parse_listen
from eggwatch.webserver.server import Server

PAUSE = 0.3
"""Seconds between two looks at the files."""


@click.command()
@index_options
@click.option("--preview", is_flag=True, required=True, help="Serve the pages as they would be, and publish nothing.")
@click.option("--listen", metavar="[HOST:]PORT", default="8080", show_default=True, help="Port 0: any free one.")
def site(selection: Selection, preview: bool, listen: str) -> None:
    """Show how the site looks with your own templates, style and settings, while you change them.

    Renders the pages of the 50 projects that changed last, or of a sample where nothing was published, into a temporary
    folder, and again whenever the configuration or a file of `templates` changes; the browser follows. Nothing is
    published before the daemon reloads or restarts. Files of the index can't be downloaded from it.

    \b
    Example:  eggwatch site --preview --listen 127.0.0.1:8000
    """
    log_as("text", verbose=False, quiet=True)
    capabilities.lower()
    host, port = parse_listen(listen, "--listen")
    with tempfile.TemporaryDirectory(prefix="eggwatch-site-") as folder:
        seen = Preview(selection.one, selection.load().source, Path(folder), tell=say_error)
        with signals_blocked():
            seen.step()
            server = Server({"": seen.pages}, host=host, port=port)
            server.start()
            say_error(f"ready at {server.url}{' (a sample: nothing was published)' if seen.is_sample else ''}")
            while signal.sigtimedwait(SIGNALS, PAUSE) is None:
                seen.step()
            server.stop()

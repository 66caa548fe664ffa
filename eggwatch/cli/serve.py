"""eggwatch serve"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from eggwatch.cli.logs import log_as, log_format_option
from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import say_error
from eggwatch.config.index_config import Config
from eggwatch.errors import EggwatchError
from eggwatch.linux import capabilities
from eggwatch.linux.systemd import Supervisor
from eggwatch.webserver.doors import doors_of
from eggwatch.webserver.listening import parse_listen, passed
from eggwatch.webserver.server import Server

log = logging.getLogger("eggwatch")

SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


@click.command()
@index_options
@click.option("--listen", metavar="[HOST:]PORT", help="Port 0: any free one.  [default: 8080, or systemd's socket]")
@log_format_option
def serve(selection: Selection, listen: str | None, log_format: str) -> None:
    """Serve the pages over HTTP, and accept uploads if they are configured, until SIGTERM or Ctrl-C.

    To serve pages, it needs only read access to the public folders, and no running daemon. It listens on the loopback
    address unless a host is given, or on the socket that systemd passes. SIGHUP reloads the configuration.

    \b
    Example:  eggwatch serve --listen 0.0.0.0:8080
    """
    log_as(log_format, verbose=False)
    capabilities.lower()

    def load() -> Config:
        return selection.load(needed=("public",))

    listening = passed() if listen is None else None
    host, port = parse_listen(listen or "8080", "--listen") if listening is None else listening.getsockname()[:2]
    config = load()
    doors = doors_of(config, host)
    with signals_blocked():
        server = Server(config.trees(), doors=doors, host=host, port=port, listening=listening)
        supervisor = Supervisor()
        server.start()
        supervisor.ready()
        say_error(f"ready at {server.url}")
        while signal.sigwait(SIGNALS) is signal.SIGHUP:
            supervisor.reloading()
            _reload(server, load, host)
            supervisor.ready()
        supervisor.stopping()
        server.stop()


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Block the signals: threads would receive them, and a second one must not interrupt a stop."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise


def _reload(server: Server, load: Callable[[], Config], host: str) -> None:
    try:
        config = load()
        server.show(config.trees(), doors_of(config, host))
    except EggwatchError as error:
        log.error("reload failed, still using the old configuration: %s", error)
    else:
        log.info("reload: the configuration was read again")

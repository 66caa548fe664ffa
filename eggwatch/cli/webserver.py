"""eggwatch webserver"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from eggwatch.cli.options import Selection, index_options
from eggwatch.config.grammar import index_url
from eggwatch.errors import ConfigurationError
from eggwatch.webserver.listening import parse_listen
from eggwatch.webserver.samples import TEMPLATES, by_itself, configuration, hosting_of, listening, plain, secured

_FILE = click.Path(path_type=Path)


@click.command()
@index_options
@click.argument("server", type=click.Choice(sorted(TEMPLATES)))
@click.option("--listen", metavar="[ADDR:]PORT", help="Where to listen.  [default: as 'url' says]")
@click.option("--standalone", is_flag=True, help="Complete, for any account; logs in ./eggwatch-SERVER.")
@click.option("--https", nargs=2, type=_FILE, metavar="CERTIFICATE KEY", help="HTTPS with these two PEM files.")
@click.option("--htpasswd", type=_FILE, metavar="FILE", help="Ask readers for a user and password in this file.")
@click.option("--fallback", metavar="URL", help="Redirect unknown projects to this simple index.")
def webserver(
    selection: Selection,
    server: str,
    listen: str | None,
    standalone: bool,
    https: tuple[Path, Path] | None,
    htpasswd: Path | None,
    fallback: str | None,
) -> None:
    """Print a configuration of Apache, nginx or Caddy that serves the pages and passes uploads on.

    Folders, names, ports and paths are those of the configuration: an index with `url = "http://example.com/team/"` is
    served at /team/. Several indexes without a `url` are served at /NAME/. With --standalone, the server needs no other
    file and no root; it listens on 127.0.0.1:8000. `doctor --url` checks a server that runs.

    \b
    Examples:
      eggwatch webserver apache >/etc/apache2/sites-available/eggwatch.conf
      eggwatch webserver nginx --standalone >nginx.conf
      nginx -e stderr -c "$PWD/nginx.conf"
    """
    config = selection.load(needed=("public",))
    hosting = replace(
        hosting_of(config, len(selection.every())),
        https=https and (https[0].absolute(), https[1].absolute()),
        htpasswd=htpasswd and htpasswd.absolute(),
        fallback=fallback and _fallback(fallback),
    )
    if standalone:
        host, port = parse_listen(listen or "8000", "--listen")
        folder = Path.cwd() / f"eggwatch-{server}"
        folder.mkdir(exist_ok=True)
        hosting = by_itself(hosting, folder, host, port)
    elif listen is not None:
        hosting = listening(hosting, *parse_listen(listen, "--listen"))
    elif server != "caddy" or https:  # it obtains certificates itself
        hosting = secured(hosting)
    click.echo(configuration(server, hosting), nl=False)


def _fallback(url: str) -> str:
    try:
        return plain(index_url(url), "--fallback").rstrip("/") + "/"
    except ValueError as error:
        raise ConfigurationError(f"--fallback {url!r} {error}.") from None

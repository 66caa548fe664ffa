"""What comes after `setup` and `init`: a web server, an account that may upload, the first upload, as lines to copy."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from eggwatch.config.index_config import IndexConfig
from eggwatch.model.instructions import host_of, is_loopback, pip_install, upload
from eggwatch.webserver.listening import LOOPBACK
from eggwatch.webserver.samples import apache_modules

GROUP = "packages"
"""Whose members may upload, where the folders were made by `setup`."""

APACHE = (
    "a2enmod -q {modules}",
    "{print} apache{https} >/etc/apache2/sites-available/eggwatch.conf",
    "a2dissite -q 000-default; a2ensite -q eggwatch && systemctl restart apache2",
)
NGINX = (
    "{print} nginx{https} >/etc/nginx/conf.d/eggwatch.conf",
    "rm -f /etc/nginx/sites-enabled/default",
    "nginx -t && systemctl restart nginx",
)
CADDY = (
    "{print} caddy >/etc/caddy/eggwatch.caddy",
    "echo 'import eggwatch.caddy' >>/etc/caddy/Caddyfile && systemctl restart caddy",
)
SERVERS = {"a2enmod": APACHE, "nginx": NGINX, "caddy": CADDY}
"""What to type for each server, by the program that shows that it is installed (docs/webserver.rst)."""


def after_setup(index: IndexConfig) -> Iterator[str]:
    """The lines for root on a machine that was set up as a service."""
    account = os.environ.get("SUDO_USER", "alice")
    yield "Next, as root, a web server (or another one: docs/webserver.rst):"
    yield from _indented(_web_server(index, "eggwatch webserver"))
    yield f"Then an account that may upload, here {account}; sessions that are open already don't know of a new group:"
    yield from _indented(
        [f"id {account} >/dev/null || useradd --create-home {account}", f"usermod --append --groups {GROUP} {account}"]
    )
    yield "Then, as that account, the first upload:"
    yield from _indented(_first_upload(index))


def after_init(index: IndexConfig, path: Path) -> Iterator[str]:
    """The lines for whoever has written a configuration; eggwatch is its own web server where `url` allows for it."""
    run = shlex.join([*_program(), "--config", str(path), "run"])
    listen = None if index.url is None else _own_address(index.url)
    if index.url is None:
        yield "Next, start it, with a web server of its own for a trial (for another one set 'url'):"
        yield from _indented([f"{run} --serve 8080"])
        index = replace(index, url="http://127.0.0.1:8080/")
    elif listen is not None:
        yield "Next, start it, with a web server of its own:"
        yield from _indented([f"{run} --serve {shlex.quote(listen)}"])
    else:
        yield "Next, start it, and, as root, a web server (or another one: docs/webserver.rst):"
        prints = shlex.join([*_program(), "--config", str(path), "webserver"])
        yield from _indented([run, *_web_server(index, prints)])
    yield "Then, accounts that may upload: you may already; let alice, too (docs/accounts.rst):"
    drop = shlex.quote(str(index.drop))
    yield from _indented([f"setfacl --modify user:alice:rwx {drop} && chmod +t {drop}"])
    yield "Then the first upload:"
    yield from _indented(_first_upload(index))


def _own_address(url: str) -> str | None:
    """What our own server has to listen on, to answer at this URL; None if it can't, or as root only."""
    parts, host = urlsplit(url), host_of(url)
    if parts.scheme != "http" or parts.port is None or parts.path.rstrip("/").removesuffix("/simple"):
        return None
    if not is_loopback(host):
        return f"{'[::]' if ':' in host else '0.0.0.0'}:{parts.port}"  # noqa: S104 (a line to copy, not a bind)
    if host in (LOOPBACK, "localhost"):
        return str(parts.port)
    return f"[{host}]:{parts.port}" if ":" in host else f"{host}:{parts.port}"


def _program() -> list[str]:
    """How this program is called: a clone's own is in no PATH."""
    if shutil.which("eggwatch"):
        return ["eggwatch"]
    beside = Path(sys.executable).with_name("eggwatch")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "eggwatch"]


def _web_server(index: IndexConfig, prints: str) -> Iterator[str]:
    """For the web server that is installed; if there is none, for the one that the distribution provides."""
    program = next((program for program in SERVERS if shutil.which(program)), None)
    if program is None:
        debian = shutil.which("apt-get") is not None
        program = "a2enmod" if debian else "nginx"
        yield "apt-get install -y apache2" if debian else "dnf install -y nginx"
    is_secure = index.url is not None and urlsplit(index.url).scheme == "https"
    modules = apache_modules(uploads=index.uploads is not None, https=is_secure)
    for line in SERVERS[program]:
        yield line.format(print=prints, modules=modules, https=" --https CERTIFICATE KEY" if is_secure else "")


def _first_upload(index: IndexConfig) -> list[str]:
    return ["python -m build", upload(index.upload_address), pip_install(index.index_url, "PROJECT")]


def _indented(lines: Iterable[str]) -> Iterator[str]:
    yield from (f"    {line}" for line in lines)

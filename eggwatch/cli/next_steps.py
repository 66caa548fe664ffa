"""What comes after `setup` and `init`: a web server, an account that may upload, the first upload, as lines to copy."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from eggwatch.config.index_config import IndexConfig
from eggwatch.model.instructions import UNKNOWN_HOST, host_of, is_loopback, pip_install, upload
from eggwatch.webserver.listening import LOOPBACK

GROUP = "packages"
"""Whose members may upload, where the folders were made by `setup`."""

APACHE = (
    "a2enmod -q alias dir headers mime rewrite setenvif",
    "{fill} {samples}/apache.conf >/etc/apache2/sites-available/eggwatch.conf",
    "a2dissite -q 000-default; a2ensite -q eggwatch && systemctl restart apache2",
)
NGINX = (
    "{fill} {samples}/nginx.conf >/etc/nginx/conf.d/eggwatch.conf",
    "rm -f /etc/nginx/sites-enabled/default",
    "nginx -t && systemctl restart nginx",
)
CADDY = (
    "{fill} {samples}/caddy.Caddyfile >/etc/caddy/eggwatch.caddy",
    "echo 'import eggwatch.caddy' >>/etc/caddy/Caddyfile && systemctl restart caddy",
)
SERVERS = {"a2enmod": APACHE, "nginx": NGINX, "caddy": CADDY}
"""What to type for each server, by the program that shows that it is installed; as the samples' own first lines say."""


def samples_beside(prefix: str = sys.prefix) -> Path:
    """The folder of samples for web servers: of an installation, or of the clone that this runs from."""
    installed = Path(prefix, "share/eggwatch/httpd")
    return installed if installed.is_dir() else Path(__file__).resolve().parents[2] / "contrib/httpd"


def after_setup(index: IndexConfig, samples: Path) -> Iterator[str]:
    """The lines for root on a machine that was set up as a service."""
    account = os.environ.get("SUDO_USER", "alice")
    yield "Next, as root, a web server (contrib/httpd has Apache, nginx and Caddy):"
    yield from _indented(_web_server(index, samples))
    yield from _lacking(index.url)
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
        yield "Next, start it, and, as root, a web server (contrib/httpd has Apache, nginx and Caddy):"
        yield from _indented([run, *_web_server(index, samples_beside())])
        yield from _lacking(index.url)
    yield "Then, accounts that may upload: you may already; let alice, too (docs/accounts.rst):"
    drop = shlex.quote(str(index.drop))
    yield from _indented([f"setfacl --modify user:alice:rwx {drop} && chmod +t {drop}"])
    yield "Then the first upload:"
    yield from _indented(_first_upload(index))


def _own_address(url: str) -> str | None:
    """What our own server has to listen on, to answer at this URL; None if it can't, or as root only."""
    parts, host = urlsplit(url), host_of(url)
    if parts.scheme != "http" or parts.port is None or _folder(url):
        return None
    if not is_loopback(host):
        return f"{'[::]' if ':' in host else '0.0.0.0'}:{parts.port}"  # noqa: S104 (a line to copy, not a bind)
    if host in (LOOPBACK, "localhost"):
        return str(parts.port)
    return f"[{host}]:{parts.port}" if ":" in host else f"{host}:{parts.port}"


def _folder(url: str) -> str:
    """The path prefix of an index in its URL; empty at the root."""
    return urlsplit(url).path.rstrip("/").removesuffix("/simple")


def _lacking(url: str | None) -> Iterator[str]:
    """What a web server's sample has to be given by hand."""
    if url is None:
        return
    parts, folder = urlsplit(url), _folder(url)
    lacks = ["HTTPS, with a certificate"] if parts.scheme == "https" else []
    lacks += [f"port {parts.port}"] if parts.port not in (None, {"http": 80, "https": 443}[parts.scheme]) else []
    lacks += [f"the path {folder}/, in place of the root"] if folder else []
    if lacks:
        yield f"The sample serves http://{parts.hostname}/ alone. For {url} add to it, by hand: {'; '.join(lacks)}."


def _program() -> list[str]:
    """How this program is called: a clone's own is in no PATH."""
    if shutil.which("eggwatch"):
        return ["eggwatch"]
    beside = Path(sys.executable).with_name("eggwatch")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "eggwatch"]


def _web_server(index: IndexConfig, samples: Path) -> Iterator[str]:
    """For the web server that is installed; if there is none, for the one that the distribution provides."""
    program = next((program for program in SERVERS if shutil.which(program)), None)
    if program is None:
        debian = shutil.which("apt-get") is not None
        program = "a2enmod" if debian else "nginx"
        yield "apt-get install -y apache2" if debian else "dnf install -y nginx"
    host = UNKNOWN_HOST if index.url is None else host_of(index.url)
    public = re.sub(r"[,&\\]", r"\\\g<0>", str(index.public))
    fill = shlex.join(["sed", f"s,pypi.example.com,{host},; s,/srv/eggwatch,{public},"])
    for line in SERVERS[program]:
        yield line.format(fill=fill, samples=shlex.quote(str(samples)))


def _first_upload(index: IndexConfig) -> list[str]:
    return ["python -m build", upload(index.upload_address), pip_install(index.index_url, "PROJECT")]


def _indented(lines: Iterable[str]) -> Iterator[str]:
    yield from (f"    {line}" for line in lines)

"""The sample configurations, as shipped, in real web servers that serve a folder of the test's."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.running import until

SAMPLES = Path(__file__).parents[2] / "contrib" / "httpd"


def sample(file: Path, public: Path, listen: dict[str, str]) -> str:
    """The sample as it is shipped, with the placeholders replaced that it tells the administrator to replace."""
    text = file.read_text()
    for shipped, ours in {**listen, "/srv/eggwatch": str(public)}.items():
        assert shipped in text
        text = text.replace(shipped, ours)
    return text


def apache(folder: Path, public: Path, port: int, samples: Path) -> list[str]:
    """Debian's own modules and their settings, deflate and negotiation among them, around the sample."""
    site = sample(samples / "apache.conf", public, {"<VirtualHost *:80>": f"<VirtualHost 127.0.0.1:{port}>"})
    (folder / "site.conf").write_text(site)
    modules = "mpm_event authz_core authz_host alias dir env headers mime rewrite setenvif filter deflate negotiation"
    modules += " proxy proxy_http"
    loads = "\n".join(f"Include /etc/apache2/mods-available/{name}.load" for name in modules.split())
    settings = "\n".join(
        f"Include /etc/apache2/mods-available/{name}.conf" for name in ("mime", "deflate", "negotiation", "dir")
    )
    # What other sites of the machine may have set for all of it.
    elsewhere = "AddEncoding x-gzip .gz .tgz\nAddHandler type-map .whl\n"
    (folder / "main.conf").write_text(
        f"ServerRoot {folder}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {folder}/pid\n"
        f"ErrorLog {folder}/error.log\nMutex file:{folder} default\nUser www-data\nGroup www-data\n"
        f'LogFormat "%h %r %>s" combined\n{loads}\n{settings}\n{elsewhere}Include {folder}/site.conf\n'
    )
    return ["apache2", "-d", str(folder), "-f", str(folder / "main.conf"), "-DFOREGROUND"]


def nginx(folder: Path, public: Path, port: int, samples: Path) -> list[str]:
    """An http { } block as Debian's, around the sample."""
    (folder / "site.conf").write_text(
        sample(
            samples / "nginx.conf",
            public,
            {"listen 80;": f"listen 127.0.0.1:{port};", "listen [::]:80;": f"listen [::1]:{port};"},
        )
    )
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{name}_temp_path {folder}/{name};\n" for name in names)
    (folder / "main.conf").write_text(
        f"user www-data;\nworker_processes 1;\ndaemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        f"events {{ }}\nhttp {{\n{places}include /etc/nginx/mime.types;\ngzip on;\n"
        f"access_log {folder}/eggwatch.log;\ninclude {folder}/site.conf;\n}}\n"
    )
    return ["nginx", "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(folder / "main.conf")]


def caddy(folder: Path, public: Path, port: int, samples: Path) -> list[str]:
    """A Caddyfile that imports the sample and keeps Caddy off other ports."""
    address = {"http://pypi.example.com {": f"http://127.0.0.1:{port} {{"}
    (folder / "site.caddy").write_text(sample(samples / "caddy.Caddyfile", public, address))
    (folder / "Caddyfile").write_text(
        f"{{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n}}\nimport {folder}/site.caddy\n"
    )
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


Configure = Callable[[Path, Path, int, Path], list[str]]
"""Writes the configuration into a folder, and returns the command that runs the server with it."""
SERVERS: dict[str, Configure] = {"apache": apache, "nginx": nginx, "caddy": caddy}


@contextmanager
def folder_for(kind: str) -> Iterator[Path]:
    """Servers run as www-data, which cannot come through pytest's own folders: those are 0700."""
    with tempfile.TemporaryDirectory(prefix=f"eggwatch-{kind}-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "run").mkdir()
        shutil.chown(folder / "run", "www-data", "www-data")
        yield folder


def serving(kind: str, folder: Path, public: Path, samples: Path = SAMPLES) -> AbstractContextManager[str]:
    """A web server over a published tree, by its sample in a folder; its URL."""
    return serving_by(SERVERS[kind], folder, public, samples)


@contextmanager
def serving_by(configure: Configure, folder: Path, public: Path, samples: Path = SAMPLES) -> Iterator[str]:
    """Likewise, by a configuration of the test's own."""
    port = free_port()
    command = configure(folder, public, port, samples)
    program = shutil.which(command[0], path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip(f"{command[0]} is not installed")
    with _running([program, *command[1:]], folder, port):
        yield f"http://127.0.0.1:{port}/"


def free_port() -> int:
    """A port of the loopback address that nobody uses."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        return int(listening.getsockname()[1])


COMMANDS = {
    "apache": ("apache2", "-DFOREGROUND", "-f"),
    "nginx": ("nginx", "-e", "stderr", "-c"),
    "caddy": ("caddy", "run", "--adapter", "caddyfile", "--config"),
}
"""How each is started with a complete configuration."""


@contextmanager
def running_alone(kind: str, file: Path, port: int) -> Iterator[int]:
    """A web server with a configuration of its own, as an account without rights, in the folder of that file.

    Its process id.
    """
    name, *options = COMMANDS[kind]
    program = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip(f"{name} is not installed")
    nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    with _running([program, *options, str(file)], file.parent, port, **nobody) as pid:
        yield pid


@contextmanager
def _running(command: list[str], folder: Path, port: int, **options: Any) -> Iterator[int]:
    environment = {**os.environ, "APACHE_LOG_DIR": str(folder), "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output, **options)
    try:
        _wait_until_it_listens(process, folder, port)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
    def logs() -> str:
        paths = [path for path in (folder / "output", folder / "error.log") if path.exists()]
        return "the server answers; it said:\n" + "\n".join(path.read_text(errors="replace") for path in paths)

    def listens() -> bool:
        assert process.poll() is None, logs()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    until(logs, listens)

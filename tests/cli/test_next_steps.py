"""`init` and `setup` ask for the URL, or find it out, and end with the next steps, as lines that work when copied."""

from __future__ import annotations

import os
import pty
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from eggwatch.cli.addresses import address_for_others
from eggwatch.cli.next_steps import after_setup
from eggwatch.config.loading import load
from tests.archive_factory import wheel
from tests.cli.program import Site
from tests.installers import clean_environment, pip
from tests.running import Daemon, until


def lines_of(said: str) -> list[str]:
    """What is to be copied."""
    return [line.strip() for line in said.splitlines() if line.startswith("    ")]


def free_port() -> int:
    """One that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_the_lines_that_init_ends_with_lead_to_an_installed_package(tmp_path: Path) -> None:
    """Start, upload, install, in a folder with a blank in its name; only what `build` makes is given."""
    site = Site(tmp_path / "my index", bare=True)
    url = f"http://127.0.0.1:{free_port()}/"
    start, _, build, copy, install = lines_of(site.call("init", "--url", url).err)
    assert (load(site.config).indexes["main"].url, build) == (url, "python -m build")
    name, data = wheel("demo", "1.0")
    (site.base / "dist").mkdir()
    (site.base / "dist" / name).write_bytes(data)
    environment = {**clean_environment(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with Daemon(shlex.split(start), cwd="/", env=environment):
        subprocess.run(copy, shell=True, cwd=site.base, env=environment, check=True)
        until("it is published", lambda: site.filenames("demo") == [name])
        words = shlex.split(install.replace("PROJECT", "demo"))[1:]
        done = pip(tmp_path, *words, "--retries=0", "--target", str(tmp_path / "into"))
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("url", "served"),
    [
        (None, "--serve 8080"),
        ("http://files.example.com:8081/", "--serve 0.0.0.0:8081"),
        ("http://files.example.com:8081/simple/", "--serve 0.0.0.0:8081"),
        ("http://localhost:8081", "--serve 8081"),
        ("http://[::1]:8081/", "--serve '[::1]:8081'"),
        ("http://127.0.0.2:8081/", "--serve 127.0.0.2:8081"),
        ("http://[fd00::7]:8081/", "--serve '[::]:8081'"),
        ("http://h:8081/team/", "run"),
        ("https://h/", "run"),
    ],
)
def test_the_first_line_of_init_serves_at_the_url_where_eggwatch_can(place: Site, url: str | None, served: str) -> None:
    lines = lines_of(place.call("init", *([] if url is None else ["--url", url])).err)
    assert lines[0].endswith(served)


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("http://files.example.com/\n", "http://files.example.com/"),
        ("\n", None),
        ("nonsense\nhttps://h/\n", "https://h/"),
    ],
)
def test_on_a_terminal_init_asks_for_the_url(place: Site, typed: str, url: str | None) -> None:
    """What is not a URL is asked for again; Enter leaves it open."""
    person, terminal = pty.openpty()
    os.write(person, typed.encode())
    try:
        done = subprocess.run(
            [sys.executable, "-m", "eggwatch", "init"],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=place.base,
            env=clean_environment(place.base),
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, os.read(person, 10000).decode()
    finally:
        os.close(person)
        os.close(terminal)
    assert load(place.config).indexes["main"].url == url


def test_what_is_no_url_is_refused_before_anything_is_written(place: Site) -> None:
    done = place.call("init", "--url", "files.example.com")
    assert (done.code, place.config.exists()) == (2, False)
    assert "'files.example.com' is not a URL; write" in done.err


@pytest.mark.parametrize(("server", "name"), [("a2enmod", "apache"), ("nginx", "nginx"), ("caddy", "caddy")])
@pytest.mark.parametrize("url", ["http://files.example.com/", "https://files.example.com/team/"])
def test_setup_ends_with_the_lines_for_the_web_server_that_is_there(
    server: str, name: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name and folders as configured, the account that called sudo, the address that people type."""
    (tmp_path / server).write_text("#!/bin/sh\n")
    (tmp_path / server).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SUDO_USER", "dora")
    site = Site(tmp_path / "a & b", url=f'"{url}"', upload_to='"files.example.com:"')
    site.public.mkdir()
    index = load(site.config).indexes["main"]
    lines = lines_of("\n".join(after_setup(index)))
    filling = next(line for line in lines if line.startswith("eggwatch webserver")).split(" >")[0]
    assert filling == f"eggwatch webserver {name}" + " --https CERTIFICATE KEY" * (
        url.startswith("https") and name != "caddy"
    )
    done = site.call(*shlex.split(filling)[1:])
    assert (done.code, done.err) == (0, "")
    assert f'"{site.public}' in done.out and "files.example.com" in done.out
    assert ("/team" in done.out) == ("/team" in url)
    enabling = [line.replace(" -q", "") for line in lines if line.startswith("a2enmod")]
    assert enabling == re.findall(r"(?m)^#   (a2enmod .*)", done.out)
    assert lines[-4:-1] == [
        "usermod --append --groups packages dora",
        "python -m build",
        "scp dist/* files.example.com:",
    ]


def test_a_server_on_every_interface_is_called_by_the_machines_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 would be wrong on the landing page, which others read."""
    monkeypatch.setattr("eggwatch.cli.addresses.machine_name", lambda: "files.example.com")
    assert address_for_others("http://127.0.0.1:8080/", "0.0.0.0") == "http://files.example.com:8080/"
    assert address_for_others("http://127.0.0.1:8080/", "127.0.0.1") == "http://127.0.0.1:8080/"
    monkeypatch.setattr("eggwatch.cli.addresses.machine_name", lambda: None)
    assert address_for_others("http://[::1]:8080/", "::") == "http://[::1]:8080/"

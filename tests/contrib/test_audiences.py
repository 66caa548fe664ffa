"""docs/audiences.rst: two indexes with the web server's passwords, and the ways of pip and uv to send one."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.archive_factory import wheel
from tests.cli.program import Site
from tests.contrib.beside import nginx
from tests.contrib.older_indexes import install
from tests.contrib.web_servers import folder_for
from tests.docs.blocks import block
from tests.http_asking import ask
from tests.installers import clean_environment, pip, uv
from tests.once import once_a_run

pytestmark = [pytest.mark.parts, pytest.mark.root, pytest.mark.long]

PAGE = "audiences"
PASSWORD = "correct-horse"
KEYRING = "keyring==25.7.0 keyrings.alt==5.0.2"


@dataclass(frozen=True, kw_only=True)
class Audiences:
    """The two sites of the page; Alice may read that of research."""

    research: str
    teaching: str


@pytest.fixture(scope="module")
def audiences() -> Iterator[Audiences]:
    with folder_for("audiences") as base:
        site = Site(base / "site")
        site.write_config(block(PAGE, "/etc/eggwatch/eggwatch.toml", {"/var/lib/": "var/", "/srv/": ""}))
        for name in ("research", "teaching"):
            (site.base / "drop" / name).mkdir(parents=True)
            site.put(wheel(f"for-{name}"), name)
        done = site.call("run", "--once")
        assert done.code == 0, done.out + done.err
        with (
            nginx(site.base / "eggwatch/research", {}, server=asking(base, "research", "alice")) as research,
            nginx(site.base / "eggwatch/teaching", {}, server=asking(base, "teaching", "bob")) as teaching,
        ):
            yield Audiences(research=research, teaching=teaching)


def asking(base: Path, name: str, user: str) -> str:
    """The lines of the page, with a password file that the web server can read."""
    made = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True)
    (base / f"{name}.htpasswd").write_text(f"{user}:{made.stdout}")
    lines = block(PAGE, "below server_name, in each site", {"/etc/nginx/": f"{base}/"})
    return lines.replace("research", name)


def test_only_who_is_in_the_file_of_an_index_reads_anything_of_it(audiences: Audiences) -> None:
    login = f"Basic {base64.b64encode(f'alice:{PASSWORD}'.encode()).decode()}"
    for url, name, expected in ((audiences.research, "research", 200), (audiences.teaching, "teaching", 401)):
        filename = f"/files/for-{name}/for_{name}-1.0-py3-none-any.whl"
        for path in ("/", "/simple/", f"/simple/for-{name}/", filename, f"{filename}.metadata"):
            assert ask(url, path).status == 401
            assert ask(url, path, Authorization=login).status == expected
        assert ask(url, "/simple/no-such-project/").status == 401


def refused_and_installed(home: Path, audiences: Audiences, *options: str, by: str) -> None:
    """With what a client has, it installs from the index of research, and is refused by the other."""
    run = {"pip": pip, "uv": uv}[by]
    for url, name, works in ((audiences.research, "research", True), (audiences.teaching, "teaching", False)):
        index = url.replace("//", "//alice@") if "subprocess" in options else url
        chosen = ("--index-url", f"{index}simple/", *options, "--target", str(home / "target"), f"for-{name}")
        done = run(home, *(() if by == "pip" else ("pip",)), "install", *chosen)
        assert (done.returncode == 0) is works, done.stderr
        assert (home / "target" / f"for_{name}").is_dir() is works


@pytest.mark.parametrize("by", ["pip", "uv"])
def test_a_client_takes_the_password_from_netrc(audiences: Audiences, tmp_path: Path, by: str) -> None:
    host = urlsplit(audiences.research).hostname or ""
    (tmp_path / ".netrc").write_text(block(PAGE, "~/.netrc", {"research.example.com": host}))
    refused_and_installed(tmp_path, audiences, by=by)


@pytest.mark.parametrize("by", ["pip", "uv"])
def test_a_client_takes_the_password_from_a_keyring(
    audiences: Audiences,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
) -> None:
    program = once_a_run(tmp_path_factory, "keyring", lambda folder: install(KEYRING, folder)) / "bin"
    monkeypatch.setenv("PATH", str(program), prepend=":")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring")
    command = ["keyring", "set", urlsplit(audiences.research).netloc, "alice"]
    subprocess.run(command, input=PASSWORD, text=True, env=clean_environment(tmp_path), check=True)
    assert "keyring-provider = subprocess" in block(PAGE, "~/.config/pip/pip.conf")
    refused_and_installed(tmp_path, audiences, "--keyring-provider", "subprocess", by=by)


def test_uv_takes_the_password_of_an_index_from_variables(audiences: Audiences, tmp_path: Path) -> None:
    for url, name, works in ((audiences.research, "research", True), (audiences.teaching, "teaching", False)):
        sample = block(PAGE, "pyproject.toml", {"https://research.example.com/": url})
        project = f'[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["for-{name}"]\n'
        (tmp_path / "pyproject.toml").write_text(project + sample)
        variables = dict(line.split("=") for line in block(PAGE, "variables of the build server").splitlines())
        done = subprocess.run(
            [Path(sys.executable).with_name("uv"), "lock", "--no-cache", "--python", sys.executable],
            cwd=tmp_path,
            env={**clean_environment(tmp_path), **variables},
            capture_output=True,
            text=True,
        )
        assert (done.returncode == 0) is works, done.stderr

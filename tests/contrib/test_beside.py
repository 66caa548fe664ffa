"""docs/beside.rst: a cache of public packages, and installers that take what is ours from us alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.archive_factory import sdist, wheel
from tests.contrib import older_indexes
from tests.contrib.beside import like_pypi, nginx, published
from tests.contrib.web_servers import folder_for
from tests.docs.blocks import block
from tests.http_asking import ask
from tests.installers import pip, pip_install, uv, uv_install
from tests.once import once_a_run

pytestmark = [pytest.mark.parts, pytest.mark.root, pytest.mark.long]

PAGE = "beside"
OURS = {"acme-tool": "1.0", "acme-base": "1.0"}
SERVER = "simple-repository-server==0.10.0"
STOLEN = "99.0"
"""The version of them that somebody else has uploaded to PyPI."""
SITE = "https://packages.example.com/"


def needing(*names: str) -> str:
    return "".join(f"Requires-Dist: {name}\n" for name in names)


@dataclass(frozen=True, kw_only=True)
class Beside:
    """The server of the page, and that which is like PyPI; `gone` ends the latter."""

    url: str
    tree: Path
    pypi: str
    gone: ExitStack

    @property
    def ours(self) -> str:
        return f"{self.url}simple/"

    @property
    def everything(self) -> str:
        return f"{self.url}all/simple/"


@pytest.fixture(scope="module")
def beside() -> Iterator[Beside]:
    """Our tool needs our library, and a public package; both of ours were uploaded to PyPI by somebody else."""
    with folder_for("beside") as base, ExitStack() as gone:
        tool = wheel("acme-tool", metadata_extra=needing("acme-base", "public"))
        ours = published(base / "ours", tool, wheel("acme-base"), wheel("no-prefix"))
        stolen = [wheel(name, STOLEN, metadata_extra=needing("public")) for name in (*OURS, "acme-unpublished")]
        public = published(base / "pypi", wheel("public", "2.0"), sdist("public", "1.0"), *stolen)
        url, files = gone.enter_context(like_pypi(public))
        names = {"https://files.pypi.example.com/": files, r"https://pypi\.example\.com": url.rstrip("/")}
        server = block(PAGE, "/etc/nginx/eggwatch-public.conf", {**names, "https://pypi.example.com/": url})
        http = block(PAGE, "/etc/nginx/conf.d/pypi-cache.conf", {"/var/cache/nginx/pypi": "{folder}/cache"})
        with nginx(ours, {}, http=http, server=server) as front:
            yield Beside(url=front, tree=ours, pypi=f"{url}simple/", gone=gone)


def by_pip(home: Path, *options: str, what: Sequence[str] = ("acme-tool",)) -> dict[str, str]:
    """The version of each project that pip would install."""
    report = ("install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-", "--retries=0")
    done = pip(home, *report, *options, *what)
    assert done.returncode == 0, done.stderr
    found = [row["metadata"] for row in json.loads(done.stdout)["install"]]
    return {row["name"]: row["version"] for row in found}


def by_uv(home: Path, *options: str, what: str = "acme-tool") -> dict[str, str]:
    """The version of each project that uv would install."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "wanted.in").write_text(f"{what}\n")
    done = uv(home, "pip", "compile", "-q", "--no-header", "--no-annotate", "wanted.in", *options)
    assert done.returncode == 0, done.stderr
    return dict(line.split("==") for line in done.stdout.splitlines())


def locked(home: Path, beside: Beside, *samples: str, explicit: bool = False, needs: Sequence[str]) -> dict[str, str]:
    """What a project with these samples in its pyproject.toml has in its uv.lock."""
    home.mkdir(parents=True, exist_ok=True)
    text = "\n".join(samples).replace(SITE, beside.url)
    if explicit:
        text = text.replace(f'"{beside.url}simple/"\n', f'"{beside.url}simple/"\nexplicit = true\n')
    project = (
        f'[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = {json.dumps(needs)}\n'
    )
    (home / "pyproject.toml").write_text(f"{project}{text}")
    program = Path(sys.executable).with_name("uv")
    done = subprocess.run(
        [program, "lock", "-q", "--no-cache", "--python", sys.executable], cwd=home, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    rows = tomllib.loads((home / "uv.lock").read_text())["package"]
    return {row["name"]: row["version"] for row in rows if row["name"] != "app"}


SAFE = {**OURS, "public": "2.0"}


def test_the_attack_works_on_the_settings_that_the_page_warns_of(beside: Beside, tmp_path: Path) -> None:
    """Else the tests below would show nothing."""
    for first, second in ((beside.ours, beside.pypi), (beside.pypi, beside.ours)):
        found = by_pip(tmp_path, "--index-url", first, "--extra-index-url", second)
        assert found["acme-tool"] == STOLEN
    careless = ("--index", beside.ours, "--default-index", beside.pypi, "--index-strategy")
    assert by_uv(tmp_path, *careless, "unsafe-best-match")["acme-tool"] == STOLEN
    assert by_uv(tmp_path, *careless, "unsafe-first-match", what="acme-tool>1")["acme-tool"] == STOLEN
    assert by_uv(tmp_path, "--index", beside.pypi, "--default-index", beside.ours)["acme-tool"] == STOLEN


def test_an_explicit_index_leaves_what_lies_deeper_to_the_others(beside: Beside, tmp_path: Path) -> None:
    indexes, sources = block(PAGE, "pyproject.toml"), block(PAGE, "pyproject.toml, with explicit = true")
    found = locked(tmp_path / "tool", beside, indexes, sources, explicit=True, needs=["acme-tool"])
    assert found == {**SAFE, "acme-base": STOLEN}
    found = locked(tmp_path / "both", beside, indexes, sources, explicit=True, needs=["acme-tool", "acme-base"])
    assert found == SAFE


def test_with_the_recommended_settings_what_is_ours_comes_from_us(beside: Beside, tmp_path: Path) -> None:
    settings = block(PAGE, "/etc/pip.conf", {SITE: beside.url})
    assert by_pip(tmp_path, *settings_of(settings)) == SAFE
    assert locked(tmp_path / "project", beside, block(PAGE, "pyproject.toml"), needs=["acme-tool"]) == SAFE
    (tmp_path / "uv.toml").write_text(block(PAGE, "/etc/uv/uv.toml", {SITE: beside.url}))
    assert by_uv(tmp_path, "--config-file", "uv.toml") == SAFE


def settings_of(pip_conf: str) -> list[str]:
    """pip's configuration as options: the tests keep every configuration from it."""
    pairs = [line.split(" = ") for line in pip_conf.splitlines() if " = " in line]
    return [word for key, value in pairs for word in (f"--{key}", value)]


def test_a_name_leads_to_one_index_alone(beside: Beside) -> None:
    """To ours if it is published here, or has our prefix; else to the public one."""
    names = {"acme-tool": "", "no-prefix": "", "acme-unpublished": "", "public": "/cache", "nobodys": "/cache"}
    for name, where in names.items():
        reply = ask(beside.url, f"/all/simple/{name}/")
        assert (reply.status, reply.headers["location"]) == (302, f"{where}/simple/{name}/")


def test_a_name_of_ours_that_is_not_published_is_not_looked_up_outside(beside: Beside, tmp_path: Path) -> None:
    done = pip(tmp_path, "download", "--no-deps", "--retries=0", "--index-url", beside.everything, "acme-unpublished")
    assert done.returncode != 0
    assert "No matching distribution" in done.stderr


def test_a_name_is_never_taken_from_outside_while_the_disk_with_the_index_is_missing(beside: Beside) -> None:
    pages = beside.tree / "simple"
    pages.rename(beside.tree / "unmounted")
    assert {ask(beside.everything, f"/all/simple/{name}/").status for name in ("acme-tool", "no-prefix", "public")} == {
        503
    }
    (beside.tree / "unmounted").rename(pages)


def test_simple_repository_server_takes_each_name_from_the_first_index_that_has_it(
    beside: Beside, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    program = once_a_run(tmp_path_factory, "srs", lambda folder: older_indexes.install(SERVER, folder)) / "bin"
    words = block(PAGE, "simple-repository-server", {SITE: beside.url, "https://pypi.example.com/simple/": beside.pypi})
    name, *options = words.replace("--port 8000 \\\n", "").split()
    with older_indexes.running(tmp_path, program / name, *options, "--port") as url:
        assert by_pip(tmp_path, "--index-url", f"{url}simple/") == SAFE
        assert by_uv(tmp_path, "--default-index", f"{url}simple/") == SAFE
        assert (pip_install(tmp_path, f"{url}simple/", "acme-tool") / "public").is_dir()


@pytest.mark.long
def test_devpi_is_a_cache_of_one_index_and_mixes_two(
    beside: Beside, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As the page says and warns."""
    packages = older_indexes.INSTALLS[older_indexes.devpi]
    program = once_a_run(tmp_path_factory, "devpi", lambda folder: older_indexes.install(packages, folder)) / "bin"
    home = ("--serverdir", tmp_path / "server")
    older_indexes.run(tmp_path, program / "devpi-init", *home, "--no-root-pypi")
    mirror = block(PAGE, "devpi", {SITE: beside.url}).split()
    with older_indexes.running(tmp_path, program / "devpi-server", *home, "--host", "127.0.0.1", "--port") as url:
        pypi = ("index", "-c", "pypi", "type=mirror", f"mirror_url={beside.pypi}")
        both = ("index", "-c", "all", "bases=root/acme,root/pypi")
        for words in (("use", url), ("login", "root", "--password="), mirror[1:], pypi, both):
            older_indexes.run(tmp_path, program / "devpi", *words)
        index = f"{url}root/acme/+simple/"
        assert (pip_install(tmp_path, index, "--no-deps", "acme-tool") / "acme_tool-1.0.dist-info").is_dir()
        assert (uv_install(tmp_path, index, "--no-deps", "acme-base") / "acme_base-1.0.dist-info").is_dir()
        assert by_pip(tmp_path, "--index-url", f"{url}root/all/+simple/")["acme-tool"] == STOLEN


def test_public_packages_come_through_the_cache_and_stay_in_it_when_pypi_is_gone(
    beside: Beside, tmp_path: Path
) -> None:
    """Both archives and the page, in JSON and HTML; all links lead to the cache; the last test of this file."""
    urls = []
    for accept in ("application/vnd.pypi.simple.v1+json", "text/html"):
        reply = ask(beside.url, "/cache/simple/public/", Accept=accept)
        assert (reply.status, reply.headers["content-type"].partition(";")[0]) == (200, accept)
        urls += re.findall(rb'"(/cache/files/[^"#]+)', reply.body)
        assert b"localhost" not in reply.body
    assert (len(urls), len(set(urls))) == (4, 2)
    assert ask(beside.url, "/cache/simple/Public", Accept="text/html").headers["location"] == "/cache/simple/public/"
    homes = tmp_path / "before", tmp_path / "after"
    for home in homes:
        assert (pip_install(home, beside.everything, "public") / "public").is_dir()
        assert (uv_install(home, beside.everything, "acme-tool") / "public").is_dir()
        beside.gone.close()

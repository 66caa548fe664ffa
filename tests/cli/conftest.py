"""Sites for the tests of the command line."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from eggwatch.config.loading import load
from eggwatch.writer.index import opened_index
from tests.archive_factory import sdist, wheel
from tests.cli.collecting import SAME, Index
from tests.cli.indexing import Folder
from tests.cli.program import Done, Site
from tests.cli.stocks import add
from tests.once import once_a_run

Call = Callable[..., Done]
BROKEN = ("broken-1.0.tar.gz", b"no archive at all" * 50)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty index with a configuration."""
    return Site(tmp_path)


@pytest.fixture
def place(tmp_path: Path) -> Site:
    """A folder without an index."""
    return Site(tmp_path, bare=True)


def fill(base: Path) -> None:
    """Publish a few uploads, and have one refused: inspectors take a second to start."""
    site = Site(base)
    uploads = [
        sdist("demo", "1.0"),
        wheel("demo", "1.0"),
        sdist("demo", "2.0"),
        sdist("other", requires_python=">=3.8"),
    ]
    for upload in uploads:
        site.put(upload)
    site.put(BROKEN)
    assert site.call("run", "--once").code == 1


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an index to copy."""
    return once_a_run(tmp_path_factory, "filled", fill)


@pytest.fixture
def filled(tmp_path: Path, filled_once: Path) -> Site:
    """An index with two versions of demo (one with a wheel), a project other, and one refusal."""
    shutil.copytree(filled_once, tmp_path / "filled")
    site = Site(tmp_path / "filled")
    with opened_index(load(site.config).indexes["main"]) as index:
        index.pipeline.finish()  # the landing page names the drop folder, which has moved
    return site


@pytest.fixture(params=[pytest.param(False, marks=pytest.mark.long), True], ids=["without a daemon", "with a daemon"])
def order(request: pytest.FixtureRequest, filled: Site) -> Iterator[Call]:
    """Gives orders to an index, at work or at rest."""
    with filled.daemon() if request.param else nullcontext():
        yield filled.call


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    """A wheel and an sdist, two folders deep, of 2017, with a README beside them."""
    folder = tmp_path / "stock"
    add(folder, wheel("demo", "1.0"), "demo")
    add(folder, sdist("other", "2.0"), "deep/er")
    (folder / "README").write_text("what is here")
    return folder


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """An index with the installed packages, except that one is another build and one is missing."""
    index = Index(tmp_path / "index")
    index.put(SAME, "demo")
    index.put(wheel("demo", "1.1"), "demo")
    index.put(wheel("changed", "2.0", files={"changed/__init__.py": b"# another build\n"}), "changed")
    yield index
    index.close()


@pytest.fixture
def tree(index: Index) -> Index:
    """An index with a project that depends on another."""
    index.put(wheel("app", "1.0", metadata_extra="Requires-Dist: library>=1\n"), "app")
    for version in ("1.0", "2.0"):
        index.put(wheel("library", version), "library")
    return index


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with a wheel, and with an sdist in a subfolder."""
    path = tmp_path / "mytgapp_index"
    add(path, wheel("demo", "1.0", requires_python=">=3.8"))
    add(path, sdist("other", "2.0"), below="old/2017")
    return Folder(path)

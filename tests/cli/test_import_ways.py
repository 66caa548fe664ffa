"""eggwatch import --link and --move: what a stock keeps, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.archive_factory import wheel
from tests.cli.program import Site
from tests.cli.stocks import add, state_of


def names_of(path: Path) -> int:
    """How many names a file has."""
    return path.stat().st_nlink


def test_a_link_shares_the_bytes_where_nobody_else_may_write(site: Site, stock: Path) -> None:
    """--link gives a file of ours a second name; one that others may write to is copied, and a line says so."""
    open_to_all = add(stock, wheel("loose", "1.0"))
    open_to_all.chmod(0o664)
    done = site.call("import", stock, "--link")
    assert (done.code, f"{open_to_all}: imported: copied, since others may write to it" in done.out) == (0, True)
    assert [names_of(path) for path in sorted(site.public.rglob("*.whl"))] == [2, 1]
    assert names_of(open_to_all) == 1
    assert site.call("verify").code == 0


def test_a_file_that_somebody_writes_to_is_left_alone(site: Site, stock: Path) -> None:
    """Open for writing: not linked, not moved, and reported as failed; exit status 1."""
    path = add(stock, wheel("busy", "1.0"))
    with path.open("ab"):
        done = site.call("import", stock, "--link")
    assert (done.code, f"{path}: failed: it is still being written" in done.out) == (1, True)
    assert names_of(path) == 1 and site.filenames("busy") == []
    assert site.call("import", stock).code == 0


def test_what_is_moved_is_gone_from_the_stock(site: Site, stock: Path) -> None:
    """--move takes archives away once they are in the index, also known ones; others and refused ones stay."""
    loose = add(stock, wheel("loose", "1.0"))
    loose.chmod(0o666)
    bad = add(stock, ("broken-1.0.tar.gz", b"no archive" * 100))
    done = site.call("import", stock, "--move")
    assert "1 archive was copied" in done.out
    assert sorted(path.name for path in stock.rglob("*") if path.is_file()) == sorted(["README", bad.name, loose.name])
    again = add(stock, wheel("demo", "1.0"))
    assert "1 imported" not in site.call("import", stock, "--move").out
    assert not again.exists()


@pytest.mark.parametrize("way", ["--link", "--move"])
def test_what_is_not_taken_keeps_its_mode(site: Site, stock: Path, way: str) -> None:
    """A refused and a known archive are not made read-only; one that is taken by its link is."""
    bad = add(stock, ("broken-1.0.tar.gz", b"no archive" * 100))
    site.call("import", stock)
    fresh = add(stock, wheel("fresh"))
    site.call("import", stock, way)
    assert bad.stat().st_mode & 0o777 == 0o644
    if way == "--link":
        assert (fresh.stat().st_mode & 0o777, names_of(fresh)) == (0o444, 2)
        assert (stock / "deep/er/other-2.0.tar.gz").stat().st_mode & 0o777 == 0o644
    assert (site.public / "files/fresh" / fresh.name).stat().st_mode & 0o777 == 0o444


def test_two_ways_at_once_are_2_and_nothing_is_moved(site: Site, stock: Path) -> None:
    """--link --move: nobody can tell which was meant, so nothing is done."""
    before = state_of(stock)
    assert site.call("import", stock, "--link", "--move").code == 2
    assert state_of(stock) == before
    assert site.events() == []


def test_the_last_sound_copy_is_never_moved_away(site: Site, stock: Path) -> None:
    """An archive that is known stays where it is when its published bytes have gone bad."""
    site.call("import", stock)
    published = next(site.public.rglob("*.whl"))
    published.chmod(0o644)
    published.write_bytes(published.read_bytes()[::-1])
    site.call("import", stock, "--move")
    assert (stock / "demo/demo-1.0-py3-none-any.whl").exists() and not list(stock.rglob("*.tar.gz"))


def test_a_folder_of_another_index_of_the_configuration_is_only_copied_from(filled: Site, tmp_path: Path) -> None:
    """Its drop and its state are no stock at all; from its PUBLIC one may copy, but neither link nor move."""
    other = {name: tmp_path / "second" / name for name in ("drop", "public", "state")}
    for folder in other.values():
        folder.mkdir(parents=True)
    lines = "".join(f'{name} = "{folder}"\n' for name, folder in other.items())
    filled.write_config(f"{filled.config.read_text()}[index.second]\n{lines}")
    second = ("import", "--index", "second")
    for folder, way in (("drop", "--copy"), ("state", "--copy"), ("public", "--move"), ("public/files", "--link")):
        assert filled.call(*second, getattr(filled, folder, filled.base / folder), way).code == 2, (folder, way)
    assert filled.call(*second, filled.public).code == 0
    assert filled.call(*second, filled.base).code == 2

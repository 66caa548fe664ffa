"""A bundle is collected on one machine and published or indexed on another; a damaged one is reported and not used."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from eggwatch.collecting.bundle import LIST, read_bundle, write_bundle
from tests.archive_factory import sdist, wheel
from tests.cli.conftest import BROKEN
from tests.cli.program import Site
from tests.cli.stocks import add

ARCHIVES = (sdist("demo", "1.0"), wheel("demo", "1.0"))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle of an sdist and a wheel."""
    path = tmp_path / "site.tar"
    write_bundle(path, [add(tmp_path / "packed", archive) for archive in ARCHIVES])
    return path


def repacked(bundle: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Write a bundle again with changed members; None leaves one out."""
    with tarfile.open(bundle) as tar:
        members = [(member.name, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]
    with tarfile.open(bundle, "w") as tar:
        for name, data in members:
            if (changed := change(name, data)) is not None:
                member = tarfile.TarInfo(name)
                member.size = len(changed)
                tar.addfile(member, io.BytesIO(changed))


def flipped(bundle: Path) -> None:
    """One bit of the last archive is flipped."""
    data = bytearray(bundle.read_bytes())
    data[read_bundle(bundle).archives[-1].offset + 40] ^= 1
    bundle.write_bytes(data)


def cut(bundle: Path) -> None:
    """It ends in the middle of the last archive."""
    last = read_bundle(bundle).archives[-1]
    bundle.write_bytes(bundle.read_bytes()[: last.offset + last.size // 2])


def cut_between(bundle: Path) -> None:
    """It ends before the header of the last archive."""
    bundle.write_bytes(bundle.read_bytes()[: read_bundle(bundle).archives[-1].offset - 512])


def renamed(bundle: Path) -> None:
    """A member with a name outside the folder, in the list too."""
    repacked(
        bundle, lambda name, data: data.replace(b'"demo-1.0.tar.gz"', b'"../demo-1.0.tgz"') if name == LIST else data
    )


def renamed_to_what_no_disk_holds(bundle: Path) -> None:
    """A member with a filename of 300 bytes."""
    long = f"demo-1.0{'0' * 285}.tar.gz".encode()
    repacked(bundle, lambda name, data: data.replace(b"demo-1.0.tar.gz", long) if name == LIST else data)


def added(bundle: Path) -> None:
    """A member that is not in the list."""
    repacked(bundle, lambda name, data: data if name != LIST else json.dumps({"archives": []}).encode())


def with_a_name_that_is_no_text(bundle: Path) -> None:
    """JSON can name half a character, which no file system can."""
    repacked(bundle, lambda name, data: data.replace(b"demo-1.0.tar", b"\\ud800-1.0.tar") if name == LIST else data)


def with_a_size_that_is_no_integer(bundle: Path) -> None:
    """The sizes are equal as numbers."""
    size = f'"size": {len(ARCHIVES[0][1])}'.encode()
    repacked(bundle, lambda name, data: data.replace(size, size + b".0") if name == LIST else data)


def with_a_sparse_member(bundle: Path) -> None:
    """Its map of holes is no list of numbers, which tarfile does not expect."""
    with tarfile.open(bundle, "a", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("other-1.0.tar.gz")
        member.pax_headers = {"GNU.sparse.map": "a,b"}
        tar.addfile(member)


def emptied(bundle: Path) -> None:
    """The file is empty, as on a full disk."""
    bundle.write_bytes(b"")


DAMAGES: dict[Callable[[Path], None], str] = {
    flipped: "demo-1.0-py3-none-any.whl was changed after it was packed (its sha256 differs)",
    cut: "unexpected end of data",
    cut_between: "demo-1.0-py3-none-any.whl is missing",
    renamed: "'../demo-1.0.tgz' is not the filename of an archive",
    renamed_to_what_no_disk_holds: f"demo-1.0{'0' * 285}.tar.gz is longer than a filename can be",
    added: f"'demo-1.0.tar.gz' is not in {LIST}",
    with_a_name_that_is_no_text: f"{LIST} can't be read",
    with_a_size_that_is_no_integer: f"{LIST} can't be read",
    with_a_sparse_member: "its headers can't be read",
    emptied: "empty file",
}


def test_a_bundle_is_a_plain_tar_with_the_list_first_and_the_same_archives_make_the_same_bytes(
    bundle: Path, tmp_path: Path
) -> None:
    listed = subprocess.run(["tar", "-tf", bundle], capture_output=True, text=True, check=True).stdout
    assert listed.split() == [LIST, *(name for name, _ in ARCHIVES)]
    before = bundle.read_bytes()
    write_bundle(bundle, [tmp_path / "packed" / name for name, _ in ARCHIVES])
    assert bundle.read_bytes() == before


def test_publish_publishes_all_archives_of_a_bundle(site: Site, bundle: Path) -> None:
    done = site.call("publish", bundle)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [f"{bundle}: {name}: installable ({name})" for name, _ in ARCHIVES]
    assert sorted(site.filenames("demo")) == sorted(name for name, _ in ARCHIVES)


def test_a_rejected_archive_of_a_bundle_does_not_affect_the_others(site: Site, tmp_path: Path) -> None:
    write_bundle(
        tmp_path / "mixed.tar", [add(tmp_path, BROKEN), add(tmp_path, ARCHIVES[0]), add(tmp_path, ("a.txt", b""))]
    )
    done = site.call("publish", tmp_path / "mixed.tar", "--json")
    assert (done.code, [row["installable"] for row in done.rows]) == (1, [False, True, False])
    assert site.filenames("demo") == [ARCHIVES[0][0]]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_bundle_is_reported_and_nothing_of_it_is_published_or_unpacked(
    site: Site, bundle: Path, damage: Callable[[Path], None]
) -> None:
    """The other arguments of the command are not used either."""
    damage(bundle)
    other = site.build(wheel("other", "1.0"))
    for command in (("publish", other, bundle), ("index", other, bundle, "--out", "kgs")):
        done = site.call(*command)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(f"eggwatch: {bundle} is damaged: {DAMAGES[damage]}.")
    assert (list(site.drop.iterdir()), site.events(), (site.base / "kgs").exists()) == ([], [], False)


def test_index_unpacks_a_bundle_into_its_folder_once(site: Site, bundle: Path) -> None:
    """After this, the bundle is no longer needed."""
    done = site.call("index", bundle, "--out", "kgs")
    assert (done.code, done.out) == (0, f"{site.base}/kgs: 2 added, 0 removed, 0 unchanged; 1 project\n")
    assert {name: (site.base / "kgs" / name).read_bytes() for name, _ in ARCHIVES} == dict(ARCHIVES)
    for again in ((bundle, "--out", "kgs"), ("kgs",), ("kgs", bundle)):
        assert site.call("index", *again).out.endswith(": 0 added, 0 removed, 2 unchanged; 1 project\n")


def test_index_never_overwrites_an_archive_from_a_bundle(site: Site, bundle: Path) -> None:
    path = add(site.base / "kgs", (ARCHIVES[1][0], b"mine"))
    done = site.call("index", bundle, "--out", "kgs")
    assert (done.code, path.read_bytes(), list(path.parent.iterdir())) == (1, b"mine", [path])
    assert done.err.startswith(f"eggwatch: kgs/{path.name} exists, and differs from that in {bundle}.")


def test_index_does_not_write_through_a_link_that_somebody_laid_in_the_folder(site: Site, bundle: Path) -> None:
    """Under a name that can be guessed."""
    (victim := site.base / "victim").write_bytes(b"precious")
    (site.base / "kgs").mkdir()
    for name, _ in ARCHIVES:
        (site.base / "kgs" / f".{name}.part").symlink_to(victim)
    assert site.call("index", bundle, "--out", "kgs").code == 0
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["shell.php", "index.html"])
def test_index_unpacks_nothing_of_a_bundle_with_a_file_that_is_no_archive(
    site: Site, tmp_path: Path, name: str
) -> None:
    """The folder is served, and a web server may run what lies there."""
    write_bundle(tmp_path / "mixed.tar", [add(tmp_path, ARCHIVES[0]), add(tmp_path, (name, b"<?php"))])
    done = site.call("index", tmp_path / "mixed.tar", "--out", "kgs")
    assert (done.code, (site.base / "kgs").exists()) == (1, False)
    assert done.err.startswith(f"eggwatch: {tmp_path}/mixed.tar has a file that is no archive: {name}.")


def test_a_line_break_in_the_name_of_a_bundled_archive_begins_no_line(site: Site, tmp_path: Path) -> None:
    write_bundle(tmp_path / "lines.tar", [add(tmp_path, ("a\nb-1.0.tar.gz", b"x"))])
    done = site.call("publish", tmp_path / "lines.tar")
    assert done.code == 1
    assert done.out.startswith(f"{tmp_path}/lines.tar: a\\x0ab-1.0.tar.gz: rejected at ")


def test_another_tar_is_not_taken_for_a_bundle(site: Site, bundle: Path) -> None:
    """As among the arguments of `index *`."""
    subprocess.run(["tar", "-cf", bundle, "-C", bundle.parent, "packed"], check=True)
    assert site.call("index", site.build(ARCHIVES[0]), bundle, "--out", "kgs").code == 0
    assert site.call("publish", bundle).out.startswith(f"{bundle}: not accepted.")


def test_publish_says_that_a_bundle_is_empty(site: Site, tmp_path: Path) -> None:
    write_bundle(tmp_path / "none.tar", [])
    done = site.call("publish", tmp_path / "none.tar")
    assert (done.code, done.out, done.err) == (0, "", f"{tmp_path}/none.tar contains no archives.\n")

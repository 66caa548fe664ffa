"""Files in order, and the newest of them."""

from __future__ import annotations

from eggwatch.model.releases import ProjectListing, PublishedFile, RootEntry, RootListing, in_order, newest


def published(version: str, filename: str = "", *, at: str = "2026", yanked: str | None = None) -> PublishedFile:
    """A file of demo."""
    name = filename or f"demo-{version}.tar.gz"
    return PublishedFile(filename=name, version=version, sha256="a", size=1, upload_time=at, yanked=yanked)


def listing(*files: PublishedFile) -> ProjectListing:
    """A page of demo."""
    return ProjectListing(project="demo", name="Demo", files=files, removed=(), last_serial=1)


def test_files_are_in_order_of_version_then_filename() -> None:
    """Versions as PEP 440 orders them, not as text."""
    versions = ["1.10", "1.9", "1!0.1", "1.9rc1", "1.9.post1", "1.9+local", "1.9.dev1"]
    ordered = [file.version for file in in_order(published(version) for version in versions)]
    assert ordered == ["1.9.dev1", "1.9rc1", "1.9", "1.9+local", "1.9.post1", "1.10", "1!0.1"]
    same = [published("1", "b"), published("1.0", "a")]
    assert [file.filename for file in in_order(same)] == ["a", "b"]


def test_the_newest_is_the_highest_final_version() -> None:
    """Finals before pre-releases, whatever came last."""
    assert newest(listing(published("1.0", at="3"), published("2.0rc1", at="4"), published("0.9", at="5"))) == (
        "1.0",
        "3",
    )


def test_the_newest_is_not_yanked_unless_all_are() -> None:
    """A yanked version is named only when there is no other."""
    assert newest(listing(published("2.0", yanked=""), published("1.0", at="1"))) == ("1.0", "1")
    assert newest(listing(published("2.0", yanked="x"))) == ("2.0", "2026")


def test_the_newest_came_when_its_last_file_came() -> None:
    """A wheel that follows its sdist moves the time."""
    assert newest(listing(published("1.0", at="1"), published("1.0", "demo.whl", at="2"))) == ("1.0", "2")


def test_a_page_without_files_has_no_newest() -> None:
    """Nothing left: nothing to name."""
    assert newest(listing()) is None


def test_the_root_shows_the_last_serial_of_its_projects() -> None:
    """Zero for an empty index."""
    entries = tuple(RootEntry(project=name, name=name, last_serial=serial) for name, serial in (("a", 7), ("b", 3)))
    assert RootListing(entries=entries).last_serial == 7
    assert RootListing(entries=()).last_serial == 0

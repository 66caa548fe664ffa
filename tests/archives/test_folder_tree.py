"""Which paths lie below which: the same answer as writing all folders down, at a bounded price."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eggwatch.archives import limits
from eggwatch.archives.folder_tree import below_any, count_folders, respelled, with_others_below
from eggwatch.archives.paths import folded
from eggwatch.archives.zip import directory
from tests.archive_factory import wheel
from tests.archives.judging import SDIST, WHEEL, judge, message, pax, refusals, tar_block, tar_parts, targz

paths = st.lists(st.text(alphabet="ab-é", min_size=1, max_size=2), min_size=1, max_size=4).map("/".join)


def folders_of(names: Iterable[str]) -> set[str]:
    """All folders that these names lie in, written down."""
    parts = [name.split("/") for name in names]
    return {"/".join(part[:depth]) for part in parts for depth in range(1, len(part))}


@given(st.sets(paths))
def test_a_path_with_others_below_is_one_of_the_folders(names: set[str]) -> None:
    """Also where `a-b` sorts between `a` and `a/b`."""
    assert with_others_below(names).keys() == names & folders_of(names)


@given(st.sets(paths), st.sets(paths, max_size=3))
def test_a_path_below_a_top_has_the_top_among_its_folders(names: set[str], tops: set[str]) -> None:
    """A top that lies in another one is below it too."""
    assert below_any(names, tops) == {name for name in names | tops if folders_of([name]) & tops}


@given(st.sets(paths))
def test_every_folder_is_counted_once(names: set[str]) -> None:
    """However many files lie in it."""
    assert count_folders(names) == len(folders_of(names))


spelled = st.lists(st.text(alphabet="aAb\\. ", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join)


@given(st.sets(spelled))
def test_folders_are_respelled_where_any_two_of_all_fold_to_one(folders: set[str]) -> None:
    """No matter which names stand between them; each spelling is given once, with one that is no other folder."""
    everything = {folder for folder in folders | folders_of(folders) if folder}
    pairs = list(respelled(folders))
    assert bool(pairs) == (len({folded(folder) for folder in everything}) < len(everything))
    assert all(folder in folders for folder, _ in pairs)
    assert len(pairs) < max(1, len(everything))


@pytest.mark.parametrize(
    ("folders", "pairs"),
    [
        (["a/B/c", "A/b", "a/b"], [("a/b", "A")]),
        (["a/B/c", "a/b"], [("a/B/c", "a/b")]),
        (["a/1", "A/2", "a/3", "A/4"], [("A/2", "a")]),
        (["a/1", "a-/1", "A-"], [("a-/1", "A-")]),
        (["a\\b", "a/b"], [("a\\b", "a/b")]),
        (["a\\b", "a/c"], []),
        (["e\u0301/x", "\u00e9/y"], [("\u00e9/y", "e\u0301")]),
    ],
)
def test_of_folders_within_each_other_the_outermost_pair_is_given(
    folders: list[str], pairs: list[tuple[str, str]]
) -> None:
    """Each spelling once, with what lies there and the other spelling."""
    assert list(respelled(folders)) == pairs


def deep_sdist(count: int, mark: str = "") -> bytes:
    """So many empty files, each below 125 folders of its own."""
    names = [f"demo-1.0/{number:05d}{mark}/{'/'.join(['a' * 30] * 125)}/f" for number in range(count)]
    members = (record for name in names for record in (pax({"path": name}), tar_block("y")))
    return targz(*tar_parts(), *members)


@pytest.mark.parametrize("mark", ["", "\U0001f95a"])
def test_a_million_folders_out_of_some_kilobytes_are_refused_in_little_memory(mark: str) -> None:
    """They are counted as members are: each would have to be made where the sdist is unpacked."""
    data = deep_sdist(2500, mark)
    tracemalloc.start()
    try:
        inspection = judge(SDIST, data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "too-many-members" in refusals(inspection)
    assert len(data) < 100_000 and most < 150 << 20


def test_folders_of_a_wheel_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as members are allowed; one more is refused."""
    _, data = wheel(files={"demo/a/b/c.py": b""})
    monkeypatch.setattr(limits, "MOST_MEMBERS", 4)
    assert refusals(judge(WHEEL, data)) == []
    monkeypatch.setattr(limits, "MOST_MEMBERS", 3)
    assert "4 folders" in message(judge(WHEEL, data), "too-many-members")


def test_names_are_counted_in_bytes_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """One letter beyond ASCII makes each letter of a name four times as large."""
    _, plain = wheel(files={f"demo/{'a' * 100}.py": b""})
    _, wide = wheel(files={f"demo/{'a' * 99}é.py": b""})
    monkeypatch.setattr(directory, "MOST_NAME_BYTES", 400)
    assert refusals(judge(WHEEL, plain)) == []
    assert refusals(judge(WHEEL, wide)) == ["too-many-members"]

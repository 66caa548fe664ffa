"""Whose project it is: by names, groups and patterns alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eggwatch.model.names import project_name
from eggwatch.policy.ownership import (
    Publisher,
    first_match,
    is_among,
    matches,
    may_change,
    owners_of,
)

WORDS = st.text("ab-", min_size=1, max_size=6)
PATTERNS = st.text("ab-*?", min_size=1, max_size=6)
NAMES = st.frozensets(st.sampled_from(["alice", "bob", "@release", "@staff"]), min_size=1)
OWNERS = st.dictionaries(PATTERNS, NAMES, max_size=5)


def owners(**patterns: list[str]) -> dict[str, frozenset[str]]:
    """Owners by pattern, from keyword arguments."""
    return {pattern: frozenset(names) for pattern, names in patterns.items()}


def test_a_project_that_no_pattern_means_has_no_owners() -> None:
    """Then anybody may upload to it."""
    assert owners_of("demo", {"acme-*": frozenset({"alice"})}) is None


def test_the_most_specific_pattern_decides() -> None:
    """A whole name goes before patterns, a longer pattern before a shorter one."""
    table = {"*": frozenset("a"), "acme-*": frozenset("b"), "acme-pay*": frozenset("c"), "acme-pay": frozenset("d")}
    answers = [owners_of(project, table) for project in ("demo", "acme-x", "acme-payments", "acme-pay")]
    assert answers == [frozenset("a"), frozenset("b"), frozenset("c"), frozenset("d")]


def test_patterns_that_are_as_specific_share_a_project() -> None:
    """Neither of two equal patterns takes the project from the other."""
    table = {"acme-*": frozenset({"alice"}), "*-tool": frozenset({"bob"})}
    assert owners_of("acme-tool", table) == frozenset({"alice", "bob"})


@pytest.mark.parametrize(
    ("names", "among"),
    [(["alice"], True), (["@release"], True), (["release"], False), (["@alice"], False), ([], False)],
)
def test_accounts_are_named_and_groups_have_an_at(names: list[str], among: bool) -> None:
    """An account counts by its name, and by each of its groups with an @."""
    assert is_among(Publisher(name="alice", groups=frozenset({"release"})), names) is among


def test_patterns_are_compared_normalised() -> None:
    """Acme_* means acme-payments."""
    assert matches("acme-payments", project_name("Acme_*"))


def test_the_first_of_several_patterns_is_told() -> None:
    """A refusal names the pattern that it comes from."""
    assert (first_match("demo", ("x*", "d*", "demo")), first_match("demo", ())) == ("d*", None)


@given(WORDS, OWNERS)
def test_owners_are_those_of_patterns_that_mean_the_project(project: str, table: Mapping[str, frozenset[str]]) -> None:
    """Nobody owns a project that no pattern of theirs means, and a project that one means has owners."""
    found = owners_of(project, table)
    fitting = [names for pattern, names in table.items() if matches(project, pattern)]
    assert (found is None) == (not fitting)
    assert found is None or (found and found <= frozenset().union(*fitting))


@given(WORDS, OWNERS, NAMES)
def test_a_whole_name_has_the_last_word(project: str, table: dict[str, frozenset[str]], names: frozenset[str]) -> None:
    """Whatever patterns there are, an entry for the very project decides."""
    assert owners_of(project, {**table, project: names}) == names


@given(WORDS, OWNERS, st.randoms())
def test_the_order_of_the_table_does_not_matter(project: str, table: dict[str, frozenset[str]], chance: object) -> None:
    """TOML tables have no order, and neither has ownership."""
    items = list(table.items())
    chance.shuffle(items)  # type: ignore[attr-defined]
    assert owners_of(project, dict(items)) == owners_of(project, table)


@given(WORDS, OWNERS, st.frozensets(st.sampled_from(["release", "staff"])), st.sampled_from(["release", "staff"]))
def test_a_further_group_never_takes_a_right_away(
    project: str, table: dict[str, frozenset[str]], groups: frozenset[str], more: str
) -> None:
    """Who may upload may still do so as a member of one more group."""
    names = owners_of(project, table) or frozenset()
    if is_among(Publisher(name="alice", groups=groups), names):
        assert is_among(Publisher(name="alice", groups=groups | {more}), names)


@pytest.mark.parametrize(
    ("name", "groups", "owners", "first", "may"),
    [
        ("alice", (), {"demo": frozenset({"alice"})}, "bob", True),
        ("bob", (), {"demo": frozenset({"alice"})}, "bob", False),
        ("carol", ("release",), {"*": frozenset({"@release"})}, "bob", True),
        ("bob", (), {}, "bob", True),
        ("alice", (), {}, "bob", False),
        ("alice", (), {}, None, False),
        (None, (), {}, None, False),
    ],
)
def test_published_files_are_changed_by_owners_and_else_by_the_first_uploader(
    name: str | None, groups: tuple[str, ...], owners: dict[str, frozenset[str]], first: str | None, may: bool
) -> None:
    """Nobody whose name is not known changes anything."""
    account = Publisher(name=name, groups=frozenset(groups))
    assert may_change(account, "demo", owners, first) is may

"""eggwatch explain: the rules, for people and for scripts."""

from __future__ import annotations

from eggwatch.policy.rules import RULES
from tests.cli.program import Site


def test_a_code_is_explained(place: Site) -> None:
    """Rule, reason, remedy and source, and what it weighs."""
    done = place.call("explain", "zip-comment")
    assert done.code == 0
    assert done.out.startswith("zip-comment (default: warn, pypi: refuse, strict: refuse)\n")
    assert all(f"\n{label}:" in done.out for label in ("Rule", "Why", "To fix", "Source"))
    assert "PyPI's Z12" in done.out


def test_several_codes_are_explained_at_once(place: Site) -> None:
    """As `check` asks for them; a rule that can't be weakened says so."""
    done = place.call("explain", "zip-crc", "file-exists")
    assert "zip-crc (" in done.out and "file-exists (always rejects)" in done.out


def test_without_a_code_all_are_listed(place: Site) -> None:
    """Each in one line, by chapter."""
    out = place.call("explain").out
    assert [code for code in RULES if f"\n  {code} " not in out] == []


def test_an_unknown_code_is_1_with_a_suggestion(place: Site) -> None:
    """The nearest one is named, and where none is near the list."""
    done = place.call("explain", "zip-comments")
    assert done.code == 1 and "Did you mean zip-comment?" in done.err
    assert "'eggwatch explain' lists all" in place.call("explain", "\x1bqq").err


def test_scripts_get_objects(place: Site) -> None:
    """One rule a line, with its schema."""
    rows = place.call("explain", "--json").rows
    assert [row["code"] for row in rows] == list(RULES)
    assert place.call("explain", "--json", "zip-comment").row["warehouse"] == ["Z12"]

"""docs/rules.rst shows every rule, and every check that PyPI makes."""

from __future__ import annotations

import pytest

from docs.rules import CHECKS, PAGE, page
from eggwatch.policy.rules import PRINCIPLES, RULES, Profile

PYPI_IDS = {
    *(f"U{n}" for n in range(1, 12)),
    *(f"F{n}" for n in range(1, 12)),
    *(f"D{n}" for n in range(1, 7)),
    *(f"M{n}" for n in range(1, 13)),
    *(f"Z{n}" for n in range(1, 18)),
    *(f"W{n}" for n in range(1, 5)),
    *(f"T{n}" for n in range(1, 7)),
    "A1",
}


def test_the_page_of_the_rules_is_current() -> None:
    """`python -m docs.rules` would change nothing."""
    assert PAGE.read_text("utf-8") == page()


def test_the_page_of_the_rules_is_sound() -> None:
    """docutils finds no fault with it."""
    docutils = pytest.importorskip("docutils.core")
    settings = {"report_level": 2, "halt_level": 2}
    assert "zip-comment" in docutils.publish_string(page(), settings_overrides=settings).decode()


@pytest.mark.parametrize("profile", Profile, ids=str)
def test_every_profile_has_its_principle_at_the_head_of_the_documentation(profile: Profile) -> None:
    """Whoever chooses one reads what it is for."""
    head = " ".join(page().partition("Filenames\n")[0].split())
    assert f"``{profile}`` {PRINCIPLES[profile]}" in head


def test_every_check_of_pypi_has_its_answer() -> None:
    """U1 to U11, F1 to F11, D1 to D6, M1 to M12, Z1 to Z17, W1 to W4, T1 to T6 and A1 stand in the table once."""
    assert sorted(check.id for check in CHECKS) == sorted(PYPI_IDS)


def test_what_does_not_apply_says_why() -> None:
    """A check that is not made, configurable or stricter has a remark."""
    assert [
        check.id
        for check in CHECKS
        if check.answer in ("does not apply", "configurable", "stricter") and not check.note
    ] == []


def test_rules_name_checks_that_exist() -> None:
    """The ids in the table of rules are PyPI's, and every check that is ours has a code."""
    named = {check for rule in RULES.values() for check in rule.warehouse}
    assert named <= PYPI_IDS
    without_rule = {check.id for check in CHECKS if check.answer != "does not apply"} - named
    assert without_rule == {"U9", "D1", "W2"}

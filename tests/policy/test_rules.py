"""The table of rules is complete and readable."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import eggwatch
from eggwatch.model.codes import Code, nearest
from eggwatch.policy.rules import CHAPTERS, RULES, Profile, Rule, Weight

ROOT = Path(eggwatch.__file__).parent


def codes_named() -> set[str]:
    """The members of Code that a check names, anywhere in eggwatch but in the table itself."""
    sources = [path for path in ROOT.rglob("*.py") if path.parent != ROOT / "policy" / "rules"]
    return {name for path in sources for name in re.findall(r"\bCode\.([A-Z0-9_]+)", path.read_text("utf-8"))}


def test_every_code_is_told_and_is_in_the_table() -> None:
    """A rule without a check would promise what nobody looks at; a check without a rule could not be explained."""
    assert codes_named() == {code.name for code in Code}
    assert set(RULES) == set(Code)


def test_the_text_of_a_code_is_written_once() -> None:
    """A word with hyphens that is a code stands as a text nowhere but in model/codes."""
    written = {
        f"{path.relative_to(ROOT)}: {node.value}"
        for path in ROOT.rglob("*.py")
        if path != ROOT / "model" / "codes.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "-" in node.value and node.value in RULES
    }
    assert written == set()


def test_no_code_stands_twice() -> None:
    """Each code has one rule."""
    codes = [rule.code for rules in CHAPTERS.values() for rule in rules]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("rule", RULES.values(), ids=str)
def test_a_rule_says_everything_in_whole_sentences(rule: Rule) -> None:
    """Title, rule, reason, remedy and source are there; a code is kebab-case; a rule is a sentence."""
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.code)
    assert rule.title and not rule.title.endswith(".") and rule.source
    assert all(text[-1] in ".?)" for text in (rule.rule, rule.why)) and rule.remedy[-1] in ".?/]"
    assert all(text.isprintable() for text in (rule.title, rule.rule, rule.why, rule.remedy, rule.source))


ASKED_BY_THE_ADMINISTRATOR = {"not-owner", "project-archived"}
"""Rules of the configuration that no check of PyPI's stands for."""


@pytest.mark.parametrize("rule", RULES.values(), ids=str)
def test_the_profile_pypi_refuses_what_pypi_refuses_and_no_more(rule: Rule) -> None:
    """It refuses by a check of PyPI's, or because it always does, or because the configuration asks for it."""
    refuses = rule.fixed or rule.warehouse or rule.code in ASKED_BY_THE_ADMINISTRATOR
    assert rule.weight(Profile.PYPI) is (Weight.REFUSE if refuses else Weight.WARN)


@pytest.mark.parametrize("rule", RULES.values(), ids=str)
def test_the_profile_strict_refuses_whatever_breaks_a_rule(rule: Rule) -> None:
    """So does a fixed rule in every profile."""
    assert rule.weight(Profile.STRICT) is Weight.REFUSE
    assert not rule.fixed or {rule.weight(profile) for profile in Profile} == {Weight.REFUSE}


def test_the_default_profile_warns_of_form_only() -> None:
    """PyPI's checks that the default profile does not refuse by are of form: pip and uv install all the same."""
    mild = {
        check
        for rule in RULES.values()
        if rule.weight(Profile.DEFAULT) is not Weight.REFUSE
        for check in rule.warehouse
    }
    forms = {"Z8", "Z11", "Z12", "F6", "F7", "F9", "F10", "F11", "T6", "W4"}
    assert mild == {*forms, *(f"M{n}" for n in range(1, 13))}


def test_a_typing_error_finds_the_code_that_was_meant() -> None:
    """The nearest code is suggested, and nothing where none is near."""
    assert (nearest("zip-coment"), nearest("qqqq")) == ("zip-comment", None)


def test_a_rule_is_an_object_for_scripts() -> None:
    """as_json gives plain values only."""
    assert RULES["not-a-zip"].as_json() == {
        "code": "not-a-zip",
        "title": "A wheel that is not a zip file",
        "rule": "A wheel begins like a zip file.",
        "why": "The file is something else with the name of a wheel: an error page, or a git LFS pointer.",
        "remedy": "Check where the file comes from, and what it contains.",
        "source": "PEP 427; APPNOTE.TXT (ZIP File Format Specification) 4.3.1",
        "warehouse": ["Z1"],
        "default": "refuse",
        "pypi": "refuse",
        "strict": "refuse",
        "fixed": True,
    }


@pytest.mark.parametrize(
    "code",
    [
        *("zip-unsafe-path", "zip-link", "zip-device", "zip-name-characters", "zip-unicode-path"),
        *("tar-unsafe-path", "tar-unsafe-link", "tar-device", "script-name-unsafe"),
        *("filename-control-characters", "filename-slash", "metadata-unreadable", "inspection-limit"),
    ],
)
def test_what_protects_machines_and_terminals_can_not_be_switched_off(code: str) -> None:
    """Whoever installs has not been asked by whoever wrote the configuration."""
    assert RULES[code].fixed

"""eggwatch explain: the table of rules, for people and for scripts."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import click

from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import json_option, print_json, say
from eggwatch.errors import NotFoundError
from eggwatch.model.codes import nearest
from eggwatch.model.names import shown
from eggwatch.policy.rules import CHAPTERS, PRINCIPLES, RULES, Profile, Rule

WIDTH = 100


@click.command()
@click.argument("codes", nargs=-1, metavar="[CODE…]")
@index_options
@json_option
def explain(selection: Selection, codes: tuple[str, ...], as_json: bool) -> None:
    """Explain a rule, its source, and how to fix what breaks it. Without CODE: list all rules.

    \b
    Examples:
      eggwatch explain zip-trailing-data
      eggwatch explain --json
    """
    rules = [_rule(code) for code in codes] or list(RULES.values())
    if as_json:
        for rule in rules:
            print_json(rule.as_json())
    elif codes:
        say("\n\n".join(explanation(rule) for rule in rules))
    else:
        say("\n".join(_overview()))


def _rule(code: str) -> Rule:
    if code in RULES:
        return RULES[code]
    near = nearest(code)
    raise NotFoundError(
        f"There is no rule '{shown(code)}'.",
        remedy=f"Did you mean {near}?" if near else "'eggwatch explain' lists all rules.",
    )


def explanation(rule: Rule) -> str:
    """One rule, in a few lines for a person."""
    checks = f"; PyPI's {', '.join(rule.warehouse)}" if rule.warehouse else ""
    lines = [f"{rule.code} ({levels(rule)})", rule.title, ""]
    for label, text in (
        ("Rule", rule.rule),
        ("Why", rule.why),
        ("To fix", rule.remedy),
        ("Source", rule.source + checks),
    ):
        lines.append(
            textwrap.fill(
                text, WIDTH, initial_indent=f"{label + ':':<8}", subsequent_indent=" " * 8, break_on_hyphens=False
            )
        )
    return "\n".join(lines)


def levels(rule: Rule) -> str:
    """What each profile does if the rule is broken."""
    return "always rejects" if rule.fixed else ", ".join(f"{profile}: {rule.weight(profile)}" for profile in Profile)


def _overview() -> Iterator[str]:
    for title, rules in CHAPTERS.items():
        yield f"{title}"
        for rule in rules:
            weights = "always" if rule.fixed else f"{rule.weight(Profile.DEFAULT)}, {rule.weight(Profile.PYPI)}"
            yield f"  {rule.code:<32} {weights:<16} {rule.title}"
        yield ""
    for profile, principle in PRINCIPLES.items():
        yield textwrap.fill(f"{profile}: {principle}", WIDTH, initial_indent="  ", subsequent_indent="    ")
    yield ""
    yield "Second column: the level in the profiles default and pypi. In the profile strict every rule rejects."
    yield "More: eggwatch explain CODE"

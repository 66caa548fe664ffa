"""eggwatch explain: the table of rules, for people, for scripts, and as the documentation's chapter."""

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
from eggwatch.policy.rules.warehouse import CHECKS, PypiCheck

WIDTH = 100


@click.command()
@click.argument("codes", nargs=-1, metavar="[CODE…]")
@click.option("--rst", "as_rst", is_flag=True, help="Print all rules as a page of the documentation.")
@index_options
@json_option
def explain(selection: Selection, codes: tuple[str, ...], as_rst: bool, as_json: bool) -> None:
    """Explain a rule, its source, and how to fix what breaks it. Without CODE: list all rules.

    \b
    Examples:
      eggwatch explain zip-trailing-data
      eggwatch explain --json
    """
    if as_rst:
        click.echo(chapter(), nl=False)
        return
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
    weights = "always rejects" if rule.fixed else ", ".join(_by_profile(rule))
    checks = f"; PyPI's {', '.join(rule.warehouse)}" if rule.warehouse else ""
    lines = [f"{rule.code} ({weights})", rule.title, ""]
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


def _by_profile(rule: Rule) -> list[str]:
    return [f"{profile}: {rule.weight(profile)}" for profile in Profile]


_HEAD = """\
The rules
=========

.. Made by ``eggwatch explain --rst`` from ``eggwatch/policy/rules/``; do not edit.

Every upload is checked against all of these rules. Each rule has a code, which never changes. The code is shown in
``rejected/FILENAME.reason.txt``, in the output of ``eggwatch check`` and in the ledger. ``eggwatch explain CODE``
prints the text below.

The profile determines whether a broken rule rejects the upload or only warns:

@PRINCIPLES@
If the profile ``default`` rejects an archive because of a client, the rule says which client. Some rules
reject in every profile: they protect the index (which file is which, no half-checked archives), the machines that
unpack archives (no member, link or script outside of its folder, no devices), or terminals (no control characters in
names). You can set the level of every other rule by its code::

    [index.main]
    profile = "default"
    rules = { zip-comment = "refuse", summary-too-long = "off" }

By default, anyone who can write to the drop folder can publish to every project. With ``owners`` or
``first-uploader-owns``, the account that owns the uploaded file must be one of the project's owners. If several
patterns in ``owners`` match a project, the most specific one applies: a name without wildcards, else the one with the
most other characters. ``first-uploader-owns`` does not apply to projects that ``owners`` names. ``archived`` closes a
project to uploads, and its page says so (PEP 792); its files are still published and can be installed.

With ``identity = "folder"``, the uploader is the account named by the first folder, ``DROP/alice/…``, whoever owns
the file. Use it with servers that store everything as one account. A file directly in DROP then has no known
uploader: it is published if the project has no owners, and rejected if ``owners`` or ``first-uploader-owns`` apply.

"""


def chapter() -> str:
    """docs/rules.rst: every rule, and how eggwatch treats every check of PyPI."""
    return _head() + "".join(_section(title, rules) for title, rules in CHAPTERS.items()) + _warehouse()


def _head() -> str:
    return _HEAD.replace("@PRINCIPLES@\n", "".join(_principle(*item) for item in PRINCIPLES.items()))


def _principle(profile: Profile, text: str) -> str:
    return f"``{profile}``\n{textwrap.indent(textwrap.fill(text, 114), '    ')}\n\n"


def _headed(title: str, mark: str) -> str:
    return f"{title}\n{mark * len(title)}\n\n"


def _section(title: str, rules: tuple[Rule, ...]) -> str:
    return _headed(title, "-") + "".join(_rst(rule) for rule in rules)


def _rst(rule: Rule) -> str:
    weights = "always rejects" if rule.fixed else "; ".join(_by_profile(rule))
    checks = f" (PyPI's {', '.join(rule.warehouse)})" if rule.warehouse else ""
    fields = [("Rule", rule.rule), ("Why", rule.why), ("To fix", rule.remedy)]
    fields += [("Source", f"{rule.source}{checks}"), ("Level", weights)]
    body = "".join(f":{label}: {_escaped(text)}\n" for label, text in fields)
    return _headed(f"``{rule.code}``", "~") + f"{_escaped(rule.title)}.\n\n{body}\n"


def _escaped(text: str) -> str:
    """Text as reStructuredText reads it literally."""
    return "".join(f"\\{character}" if character in "\\*`_|" else character for character in text)


def _warehouse() -> str:
    head = _headed("What PyPI checks", "-")
    words = (
        "Every check that PyPI (Warehouse, August 2026) makes of an upload, and how eggwatch treats it: *the same*, "
        "*stricter*, *configurable*, or *does not apply*.\n\n"
    )
    table = ".. list-table::\n   :header-rows: 1\n   :widths: 5 30 12 23 30\n\n"
    rows = [("Id", "PyPI's check", "Here", "Codes", "Remark"), *(_row(check) for check in CHECKS)]
    return head + textwrap.fill(words, 118) + "\n\n" + table + "".join(_table_row(row) for row in rows)


def _row(check: PypiCheck) -> tuple[str, ...]:
    codes = ", ".join(f"``{rule.code}``" for rule in RULES.values() if check.id in rule.warehouse)
    return check.id, _escaped(check.asks), str(check.answer), codes, _escaped(check.note)


def _table_row(cells: tuple[str, ...]) -> str:
    return "".join(f"   {'* -' if not number else '  -'} {cell}".rstrip() + "\n" for number, cell in enumerate(cells))

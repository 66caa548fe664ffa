"""Writes docs/commands.rst, docs/settings.rst, contrib/man/eggwatch.1 and contrib/httpd from the program.

`python -m docs.reference` writes them anew; a test compares them with the program.
"""

from __future__ import annotations

import inspect
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from eggwatch.cli import GROUPS, cli
from eggwatch.config.grammar import Grammar, Setting, duration, flag, index_url, size, url
from eggwatch.config.news import COMMON, NEWS, TABLES, timeout
from eggwatch.config.settings import GROUPS as SETTINGS
from eggwatch.config.settings import PAGES, SITE
from eggwatch.config.uploads import DOOR, UPLOADS
from eggwatch.webserver.samples import TEMPLATES, sample

ROOT = Path(__file__).parents[1]
WIDTH = 118

Block = tuple[str, Any]
"""What a page is made of: a `chapter`, a `section`, a `text`, lines of `code`, or `terms` that are explained."""


def commands() -> Iterator[Block]:
    """The whole command line: what all commands share, then each of them, in the groups of `eggwatch --help`."""
    context = click.Context(cli, info_name="eggwatch")
    yield from _help(cli.help or "")
    yield "text", "Every command accepts these options, before or after its name:"
    yield "terms", _options(cli, context)
    yield from _help(cli.epilog or "")
    for title, group in GROUPS.items():
        yield "chapter", title
        for name in group:
            yield from _command(cli, name, context)


def _command(group: click.Group, name: str, parent: click.Context) -> Iterator[Block]:
    """A command, and those of its own, if it is a group."""
    command = group.get_command(parent, name)
    assert command is not None
    context = click.Context(command, info_name=name, parent=parent)
    yield "section", context.command_path
    yield "code", [" ".join([context.command_path, *command.collect_usage_pieces(context)])]
    yield from _help(command.help or "", _options(command, context))
    for inner in command.list_commands(context) if isinstance(command, click.Group) else ():
        yield from _command(command, inner, context)


def _options(command: click.Command, context: click.Context) -> list[tuple[str, str]]:
    """What click's help says of each option, but for --help."""
    options = [option for option in command.get_params(context) if isinstance(option, click.Option)]
    return [record for option in options if (record := option.get_help_record(context)) and "--help" not in option.opts]


def _help(text: str, options: list[tuple[str, str]] | None = None) -> Iterator[Block]:
    """The paragraphs of a help text, the options after those of prose, and what stands below its \\b line by line."""
    blocks = inspect.cleandoc(text).split("\n\n")
    yield from (("text", _joined(block)) for block in blocks if not block.startswith("\b"))
    if options:
        yield "terms", options
    for block in blocks:
        if block.startswith("\b"):
            yield from _lines(block.removeprefix("\b\n"))


def _lines(block: str) -> Iterator[Block]:
    """`Label:  first`, with its further lines indented; a sentence goes on in the next line."""
    for part in re.split(r"\n(?=[A-Z])", block):
        label, _, rest = part.partition(":")
        if label.startswith("Exit status") or not rest or ("\n" not in part and not rest.startswith("  ")):
            yield "text", _joined(part)
        else:
            yield "text", f"{label}:"
            yield "code", [line.strip() for line in rest.strip("\n").splitlines()]


def _joined(text: str) -> str:
    return " ".join(text.split())


TYPES: dict[Grammar, str] = {
    duration: "time",
    timeout: "time",
    size: "size",
    flag: "true or false",
    url: "URL",
    index_url: "URL",
}
"""What values are called, where their grammar tells more than TOML does."""


def settings() -> Iterator[Block]:
    """Every setting of an index, and its tables."""
    for title, group in SETTINGS.items():
        yield "chapter", title
        yield "terms", _settings(group)
    yield "section", "[index.NAME.uploads]"
    yield "text", DOOR.says
    yield "terms", _settings(UPLOADS)
    yield "section", "[index.NAME.site]"
    yield "text", PAGES.says
    yield "terms", _settings(SITE)
    yield "chapter", "News"
    yield "text", "Each of these tables can also contain:"
    yield "terms", _settings(COMMON)
    for name, table in TABLES.items():
        kind, _, chosen = name.partition(".")
        yield "section", f"[index.NAME.{kind}{'.ANY' if chosen else ''}]"
        yield "text", NEWS[kind].says
        yield "terms", _settings({key: setting for key, setting in table.items() if key not in COMMON})


def _settings(group: Mapping[str, Setting]) -> list[tuple[tuple[str, str], str]]:
    return [((key, _type(setting)), _explained(setting)) for key, setting in group.items()]


def _type(setting: Setting) -> str:
    shown = setting.default or setting.example or '""'
    types: dict[type, str] = {str: "text", list: "list", dict: "table", bool: "true or false"}
    return TYPES.get(setting.read) or types[type(tomllib.loads(f"value = {shown}")["value"])]


def _explained(setting: Setting) -> str:
    if setting.default is not None:
        return f"{setting.says} Default: `{setting.default}`."
    return f"{setting.says} Example: `{setting.example}`." if setting.example is not None else setting.says


SETTINGS_HEAD = """\
Settings
========

.. Made by ``python -m docs.reference`` from ``eggwatch/config/``; do not edit.

The configuration is a TOML file with a table ``[index.NAME]`` for each index. ``eggwatch init`` writes one with all
settings; ``eggwatch config check`` reports every error in it. The file is ``--config FILE``, else ``$EGGWATCH_CONFIG``,
``./eggwatch.toml`` or ``/etc/eggwatch/eggwatch.toml``. To have the daemon reload it, send SIGHUP, or run ``systemctl
reload eggwatch``.

Times are written as ``"90s"``, ``"10m"``, ``"1h"`` or ``"30d"``, sizes as ``"64MiB"`` or ``"2GiB"``. Relative paths
start from the folder of the file. Only ``drop``, ``public`` and ``state`` are required.

"""
RST_HEAD = """\
The command line
================

.. Made by ``python -m docs.reference`` from the help of ``eggwatch``; do not edit.

"""
UNDERLINES = {"chapter": "-", "section": "~"}


def rst(blocks: Iterator[Block]) -> str:
    """A page as reStructuredText."""
    return "\n".join(_rst(*block) for block in blocks)


def _rst(kind: str, content: Any) -> str:
    if kind in UNDERLINES:
        return f"{content}\n{UNDERLINES[kind] * len(content)}\n"
    if kind == "code":
        return "::\n\n" + "".join(f"    {line}\n" for line in content)
    if kind == "terms":
        return "\n".join(f"{_term(term)}\n{_filled(text, indent='    ')}" for term, text in content)
    return _filled(content)


def _term(term: str | tuple[str, str]) -> str:
    """What is explained, as it is typed; with its type, if it is a pair."""
    return f"``{term}``" if isinstance(term, str) else f"``{term[0]}`` : {term[1]}"


def _filled(text: str, indent: str = "") -> str:
    marked = "``".join(part if number % 2 else _escaped(part) for number, part in enumerate(text.split("`")))
    wrapper = textwrap.TextWrapper(WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return wrapper.fill(" ".join(marked.split())) + "\n"


def _escaped(text: str) -> str:
    return re.sub(r"[\\*|_]|:(?=//)", r"\\\g<0>", text)


def man(blocks: Iterator[Block]) -> str:
    """The same as a manual page."""
    head = '.\\" Made by python -m docs.reference from the help of eggwatch; do not edit.\n.TH EGGWATCH 1\n'
    name = ".SH NAME\neggwatch \\- keeps a static Python package index from a drop folder\n.SH DESCRIPTION\n"
    return head + name + "".join(_man(*block) for block in blocks)


def _man(kind: str, content: Any) -> str:
    if kind == "chapter":
        return f".SH {_roff(content.upper())}\n"
    if kind == "section":
        return f".SS {_roff(content)}\n"
    if kind == "code":
        return "\n".join([".PP", ".nf", ".RS 4", *map(_roff, content), ".RE", ".fi", ""])
    if kind == "terms":
        return "".join(f".TP\n\\fB{_roff(term)}\\fR\n{_roff(' '.join(text.split()))}\n" for term, text in content)
    return f".PP\n{_roff(content)}\n"


def _roff(text: str) -> str:
    """Text without what troff would take for its own; hyphens are those that are typed."""
    plain = (
        text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace("`", "\\(aq").replace("'", "\\(aq")
    )
    return f"\\&{plain}" if plain.startswith(".") else plain


def pages() -> dict[Path, str]:
    """What this module writes, by its place in the repository."""
    return {
        Path("docs/commands.rst"): RST_HEAD + rst(commands()),
        Path("docs/settings.rst"): SETTINGS_HEAD + rst(settings()),
        Path("contrib/man/eggwatch.1"): man(commands()),
        **{Path("contrib/httpd", name): sample(server) for server, name in TEMPLATES.items()},
    }


if __name__ == "__main__":
    for path, text in pages().items():
        (ROOT / path).write_text(text, "utf-8")

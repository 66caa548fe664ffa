"""The configuration that `init` and `setup` write: all settings, commented out but for the folders."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from itertools import chain

from eggwatch.config.grammar import Setting
from eggwatch.config.news import COMMON, NEWS, TABLES
from eggwatch.config.settings import FOLDERS, GROUPS

WIDTH = 100
HEAD = """\
# The settings of eggwatch, with their defaults or an example. Relative paths start from the folder of this file.

[index.main]
"""
OF_NEWS = """
# Who is told of what is published and refused; `eggwatch notify --test` sends a sample. Tables come last.
"""


def sample(values: Mapping[str, str]) -> str:
    """The text of a configuration in which these settings, which are all texts, and the three folders are in use."""
    used = {key: json.dumps(values.get(key, key)) for key in (*FOLDERS, *values)}
    settings = chain.from_iterable(group.items() for group in GROUPS.values())
    return "".join([HEAD, *chain.from_iterable(_lines(*item, used) for item in settings), OF_NEWS, *_tables()])


def _tables() -> Iterator[str]:
    for name, table in TABLES.items():
        yield f"\n{_comment(NEWS[name.partition('.')[0]].says)}# [index.main.{name}]\n"
        for key, setting in table.items():
            if name == "mail" or key not in COMMON:  # it is told once
                yield from _lines(key, setting, {})


def _lines(key: str, setting: Setting, used: Mapping[str, str]) -> Iterator[str]:
    shown = setting.default or setting.example
    if shown is not None:
        yield f"\n{_comment(setting.says)}"
        yield f"{key} = {used[key]}\n" if key in used else f"# {key} = {shown}\n"


def _comment(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False) + "\n"

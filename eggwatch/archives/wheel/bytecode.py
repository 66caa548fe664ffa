"""Finds bytecode in a wheel, which Python may run instead of the source.

Tried with pip 26.3, uv 0.13.9 and pypa/installer 1.1: pip and installer compile all sources after the installation,
and overwrite __pycache__ for the running Python (pip without -O only); uv, and `pip install --no-compile`, keep it.
Python runs it if it contains the hash of the source (PEP 552), or without a check of the source if it is marked so.
Bytecode with a time is not run, because installers set new times.
"""

from __future__ import annotations

from collections.abc import Mapping

from eggwatch.archives.findings import Findings
from eggwatch.model.codes import Code
from eggwatch.model.counting import counted

_SUFFIXES = (".pyc", ".pyo")
_BUILD_WITHOUT = "Build the wheel again without __pycache__ and .pyc files."
_FLAGS = slice(4, 8)
_HASH_BASED, _CHECK_SOURCE = 1, 2


def check_bytecode(heads: Mapping[str, bytes], findings: Findings) -> None:
    """Add flaws for compiled members; `heads` are the first 8 bytes of all members, by path."""
    compiled = sorted(path for path in heads if path.lower().endswith(_SUFFIXES))
    unchecked = [path for path in compiled if _flags(heads[path]) == _HASH_BASED]
    checked = [path for path in compiled if _flags(heads[path]) == _HASH_BASED | _CHECK_SOURCE]
    if unchecked:
        message = (
            f"{counted(len(unchecked), 'member is', 'members are')} "
            f"bytecode that Python runs without a check of its source "
            "(PEP 552, unchecked hash), this one first: after uv the bytecode runs, after pip the source. "
        )
        findings.refuse(Code.WHEEL_BYTECODE_UNCHECKED, unchecked[0], message + _BUILD_WITHOUT)
    if others := [path for path in compiled if path not in set(unchecked)]:
        first = (checked or others)[0]
        may_do = f", as {len(checked)} of them may" if checked else ", which none of them does"
        message = (
            f"{counted(len(others), 'member is', 'members are')} "
            f"bytecode, this one first, which nobody can review. It runs if its source is missing; "
            f"with its source it runs after uv if it contains the hash of the source{may_do}, "
            "while pip compiles the source again. "
        )
        findings.note(Code.WHEEL_BYTECODE, first, message + _BUILD_WITHOUT)


def _flags(head: bytes) -> int | None:
    """The flags of a .pyc (PEP 552). Before Python 3.7 this was a time, which no real archive confuses with flags."""
    return int.from_bytes(head[_FLAGS], "little") if len(head) >= _FLAGS.stop else None

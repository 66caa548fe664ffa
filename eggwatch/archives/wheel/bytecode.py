"""Bytecode in a wheel: what Python may run instead of the source that everybody reads.

Tried with pip 26.3, uv 0.13.9 and pypa/installer 1.1: pip and installer compile all sources again after they have
installed them, and so overwrite what lies in __pycache__ for the running Python (pip's at the level without -O only);
uv, and `pip install --no-compile`, leave it there. Python believes it if it carries the hash of the source (PEP 552),
and without a look at the source if it says so. Bytecode with a time in it is not believed: installers set new times.
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
    """Note compiled members; `heads` are the first bytes of all members by path, 8 of each that has so many."""
    compiled = sorted(path for path in heads if path.lower().endswith(_SUFFIXES))
    unchecked = [path for path in compiled if _flags(heads[path]) == _HASH_BASED]
    checked = [path for path in compiled if _flags(heads[path]) == _HASH_BASED | _CHECK_SOURCE]
    if unchecked:
        message = (
            f"{counted(len(unchecked), 'member is', 'members are')} "
            f"bytecode that Python is told to run without a look at its source "
            "(PEP 552, unchecked hash), this one first: after uv it is run, after pip the source is. "
        )
        findings.refuse(Code.WHEEL_BYTECODE_UNCHECKED, unchecked[0], message + _BUILD_WITHOUT)
    if others := [path for path in compiled if path not in set(unchecked)]:
        first = (checked or others)[0]
        may_do = f", as {len(checked)} of them may do" if checked else ", which none of them does"
        message = (
            f"{counted(len(others), 'member is', 'members are')} "
            f"bytecode, this one first, which nobody can read. Without its source it is run; "
            f"beside its source it is run after uv if it carries that one's hash{may_do}, "
            "while pip compiles the source anew. "
        )
        findings.note(Code.WHEEL_BYTECODE, first, message + _BUILD_WITHOUT)


def _flags(head: bytes) -> int | None:
    """The flags of a .pyc (PEP 552); before Python 3.7 a time stood there, which is no flag in any real archive."""
    return int.from_bytes(head[_FLAGS], "little") if len(head) >= _FLAGS.stop else None

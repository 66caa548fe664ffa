"""Whatever current pip or uv can't install, or the two install otherwise, is refused by a verdict that names one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eggwatch.model.verdicts import Level
from tests.archives.judging import judge
from tests.hostile.building import INFO, build
from tests.hostile.clients import outcomes


def _metadata(lines: str) -> dict[str, Any]:
    return {
        "members": {f"{INFO}/METADATA": f"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n{lines}".encode("latin-1")}
    }


def _wheel_file(text: str) -> dict[str, Any]:
    return {"members": {f"{INFO}/WHEEL": text.encode()}}


TAG = "Tag: py3-none-any\n"
FAIL: dict[str, tuple[str, dict[str, Any]]] = {
    "author": ("pip", _metadata("Author: \xff\n")),
    "no version": ("uv", _metadata("Requires-Dist: other===foo; python_version < '3'\n")),
    "large": ("uv", _metadata(f"Requires-Python: <{2**64 - 1}\n")),
    "commas": ("uv", _metadata("Requires-Python: >=3,,<4\n")),
    "dependency": ("uv", _metadata("Requires-Dist: other===bar; extra == 'x'\n")),
    "path": ("uv", _metadata("Requires-Dist: other @ ../x ; extra == 'x'\n")),
    "marker": ("pip", _metadata("Requires-Dist: other; python_version ~= '3'\n")),
    "version, ===": ("uv", _metadata("Requires-Dist: other; python_version === '3.11'\n")),
    "two texts": ("pip", _metadata("Requires-Dist: other; 'posix' == 'posix'\n")),
    "of lock files": ("pip and uv", _metadata("Requires-Dist: other; dependency_groups == 'x'\n")),
    "extra": ("pip and uv", _metadata("Requires-Dist: nothing; 'x' in extra\n")),
    "01.0": ("uv", _wheel_file(f"Wheel-Version: 01.0\nRoot-Is-Purelib: true\n{TAG}")),
    "lower": ("uv", _wheel_file(f"wheel-version: 1.0\nRoot-Is-Purelib: true\n{TAG}")),
    "empty line": ("pip", {"lines": {f"{INFO}/RECORD": f"\n{INFO}/RECORD,,"}}),
    "four columns": ("uv", {"lines": {f"{INFO}/RECORD": f"{INFO}/RECORD,,,"}}),
    "own size": ("uv", {"lines": {f"{INFO}/RECORD": f"{INFO}/RECORD,,\0"}}),
    "python": ("uv", {"members": {f"{INFO}/entry_points.txt": b"[console_scripts]\npython3 = demo:main\n"}}),
    "percent": ("pip", {"members": {f"{INFO}/entry_points.txt": b"[console_scripts]\nx = demo:main [%]\n"}}),
    "blanks": ("pip", {"members": {f"{INFO}/entry_points.txt": b"[console_scripts]\nx = demo : main\n"}}),
    "name": ("pip and uv", {"fields": {"Name": "demo "}}),
    "version": ("uv", {"fields": {"Version": "1.0\u00a0"}}),
    "tags": ("uv", {"filename": "demo-1.0-Py3-None-Any.whl"}),
    "number": ("uv", {"version": f"1.{2**64 - 1}", "filename": f"demo-1.{2**64 - 1}-py3-none-any.whl"}),
    "no x": (
        "pip",
        {"members": {"demo-1.0.data/scripts/x": b"#!python\n"}, "mode": {"demo-1.0.data/scripts/x": 0o100644}},
    ),
}
"""The client that can't install it, or both where they differ or both fail, and what is special about a wheel."""


@pytest.mark.long
@pytest.mark.parts
def test_the_verdict_names_the_client_that_can_not_install_it(tmp_path: Path) -> None:
    """And it is so, with the pip and the uv that are installed here."""
    built = {key: build(description) for key, (_, description) in FAIL.items()}
    wrong = {}
    for (key, archive), (pip, uvs, differ) in zip(built.items(), outcomes(list(built.values()), tmp_path), strict=True):
        expected = FAIL[key][0]
        messages = " ".join(flaw.message for flaw in judge(*archive).flaws if flaw.level is Level.REFUSE)
        failing = " and ".join(name for name, said in (("pip", pip), ("uv", uvs)) if said)
        named = all(name in messages for name in expected.split(" and "))
        if not named or (failing != expected and not differ and key != "extra"):
            wrong[key] = (expected, failing, differ, messages, pip[-200:], uvs[-200:])
    assert wrong == {}

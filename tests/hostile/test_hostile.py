"""Every code has an archive that only it finds, and beside it a sound twin."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import eggwatch
from eggwatch.archives import inspect
from eggwatch.archives.leniencies import LENIENCIES, MILDER_CASES
from eggwatch.archives.metadata.readme import readme_flaws
from eggwatch.model.archives import Inspection
from eggwatch.model.verdicts import Level
from eggwatch.policy.rules import OF_THE_INDEX, RULES
from tests.hostile.building import build, twin
from tests.hostile.metadatas import METADATA
from tests.hostile.sdists import SDISTS
from tests.hostile.wheels import WHEELS

HOSTILE = (*WHEELS, *SDISTS, *METADATA)
NEVER_ALONE = {"more-flaws"}
"""It says that there are fifty others."""

each = pytest.mark.parametrize("description", HOSTILE, ids=[f"{n}-{h['code']}" for n, h in enumerate(HOSTILE)])

OF_ARCHIVES = RULES.keys() - OF_THE_INDEX - {"eggwatch-error", "inspection-limit"}
"""The rules that an archive alone can break."""


def judge(description: dict[str, Any]) -> Inspection:
    """The inspection, a rendered README among it."""
    filename, data = build(description)
    return inspect(io.BytesIO(data), filename, extra_checks=(readme_flaws,))


@each
def test_a_hostile_archive_is_found_by_its_code_alone(description: dict[str, Any]) -> None:
    """One thing is wrong, and one code says so, at the level of the table of leniencies."""
    flaws = judge(description).flaws
    assert {flaw.code for flaw in flaws} == {description["code"]}
    for flaw in flaws:
        assert flaw.subject and flaw.subject.isprintable() and flaw.message.isprintable()
        assert len(flaw.message) > 30 and flaw.message.endswith((".", ")"))


@each
def test_its_twin_has_no_flaw(description: dict[str, Any]) -> None:
    """What stands just inside the rule passes."""
    assert judge(twin(description)).flaws == ()


def test_no_code_is_without_a_hostile_archive() -> None:
    """A new code needs a new archive here."""
    assert {hostile["code"] for hostile in HOSTILE} == OF_ARCHIVES - NEVER_ALONE


def test_what_is_forgiven_is_a_code() -> None:
    """The table of leniencies gives a reason for each, and names nothing else."""
    assert LENIENCIES.keys() | MILDER_CASES.keys() <= OF_ARCHIVES
    assert not LENIENCIES.keys() & MILDER_CASES.keys()
    assert all(len(reason) > 20 for reason in (*LENIENCIES.values(), *MILDER_CASES.values()))


NO_CODES = {
    *("utf-8", "latin-1"),
    "content-type",
    *("description-content-type", "import-name", "import-namespace", "license-expression", "license-file"),
    *("metadata-version", "project-url", "requires-python", "root-is-purelib", "supported-platform", "wheel-version"),
}
"""Texts in the sources of archives/ that look like codes: encodings, a header, fields of core metadata."""


def _literals() -> Iterator[str]:
    """All texts in the sources of archives/ and of the filename rules that look like a code."""
    package = Path(eggwatch.__file__).parent
    sources = [path for path in (package / "archives").rglob("*.py") if path.name != "leniencies.py"]
    for path in [*sources, package / "model" / "names.py", package / "model" / "tags.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr) and ast.unparse(node).startswith("f'metadata-{field}-"):
                yield from (ast.unparse(node)[2:-1].replace("{field}", field) for field in ("name", "version"))


def test_every_code_of_the_list_can_be_emitted() -> None:
    """Each stands in a source, and has a rule."""
    assert set(_literals()) >= OF_ARCHIVES
    assert RULES.keys() >= OF_ARCHIVES


def test_every_code_that_can_be_emitted_is_in_the_list() -> None:
    """Whatever is spelled as a code in a source is one, but for a few texts that are known."""
    codes = {text for text in _literals() if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", text)}
    assert codes - NO_CODES <= OF_ARCHIVES
    assert codes >= NO_CODES


def test_every_level_is_that_of_the_table() -> None:
    """Archives tell at `warn` what the table forgives; filenames decide for themselves, as milder cases do."""
    for description in HOSTILE:
        by_filename = ("filename", "platform", "python", "abi", "version-local")
        if description["code"] not in MILDER_CASES and not description["code"].startswith(by_filename):
            expected = Level.WARN if description["code"] in LENIENCIES else Level.REFUSE
            assert {flaw.level for flaw in judge(description).flaws} == {expected}

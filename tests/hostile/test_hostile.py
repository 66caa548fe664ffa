"""Every code has an archive that only it finds, and beside it a sound twin."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest

import eggwatch
from eggwatch.archives.inspecting import inspect
from eggwatch.archives.metadata.readme import readme_flaws
from eggwatch.model.archives import Inspection
from eggwatch.model.codes import Code
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
    """One thing is wrong, and one code says so, at the level of the table."""
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


def test_what_is_forgiven_has_its_reason_in_the_table() -> None:
    """Archives tell at `warn` what is lenient, and no rule is lenient in all cases and milder in some."""
    assert {code for code in Code if code.level is Level.WARN} == {rule.code for rule in RULES.values() if rule.lenient}
    forgiven = {rule.code: rule.lenient or rule.milder for rule in RULES.values() if rule.lenient or rule.milder}
    assert forgiven.keys() <= OF_ARCHIVES and all(len(reason) > 20 for reason in forgiven.values())
    assert not [rule.code for rule in RULES.values() if rule.lenient and rule.milder]


def test_every_code_that_archives_tell_is_in_the_list() -> None:
    """Each is named in a source of archives/ or of the filename's rules, and no code of the index is."""
    package = Path(eggwatch.__file__).parent
    sources = [*(package / "archives").rglob("*.py"), package / "model" / "names.py"]
    named = {code for path in sources for code in re.findall(r"\bCode\.([A-Z0-9_]+)", path.read_text("utf-8"))}
    assert {Code[name] for name in named} == OF_ARCHIVES


def test_every_level_is_that_of_the_table() -> None:
    """Archives tell at `warn` what the table forgives; filenames decide for themselves, as milder cases do."""
    for description in HOSTILE:
        by_filename = ("filename", "platform", "python", "abi", "version-local")
        code = Code(description["code"])
        if not RULES[code].milder and not code.startswith(by_filename):
            assert {flaw.level for flaw in judge(description).flaws} == {code.level}

"""Every rule of the table is broken by something that only it refuses, and kept by a twin that passes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from eggwatch.model.names import parse_filename
from eggwatch.model.verdicts import Admit, Level, Reject, Verdict
from eggwatch.policy.admission import Upload, judge
from eggwatch.policy.rules import RULES, Profile, Weight
from eggwatch.policy.terms import Terms
from tests.hostile.building import build, twin
from tests.hostile.test_hostile import HOSTILE
from tests.hostile.test_hostile import judge as inspected
from tests.hostile.uploads import UPLOADS, twin_of, upload_of

NO_ARCHIVE = {
    "more-flaws": "says that there are fifty others (tests/archives)",
    "inspection-limit": "a matter of the machine (tests/inspection/test_inspectors.py)",
    "eggwatch-error": "a bug of ours (tests/cli/test_check_rules.py)",
}
"""Rules that no archive breaks alone, and where they are tested."""

archives = pytest.mark.parametrize("hostile", HOSTILE, ids=[f"{n}-{h['code']}" for n, h in enumerate(HOSTILE)])
uploads = pytest.mark.parametrize("hostile", UPLOADS, ids=lambda hostile: str(hostile["code"]))


def verdicts(description: dict[str, Any]) -> dict[Profile, Verdict]:
    """What becomes of the archive in each profile, in an index that knows nothing of it yet."""
    inspection = inspected(description)
    filename = parse_filename(build(description)[0])
    # Judged when it has had all its time, so that an unfinished one is refused too.
    upload = Upload(filename=filename, sha256="a" * 64, inspection=inspection, holding=None, overdue=True)
    return {profile: judge(upload, Terms(profile=profile)) for profile in Profile}


@archives
def test_an_archive_is_refused_by_one_rule(hostile: dict[str, Any]) -> None:
    """In each profile it is refused or told, as the table says; what can't be read is refused. Its twin passes."""
    rule, readable = RULES[hostile["code"]], inspected(hostile).core is not None
    mild = rule.milder and all(flaw.level is Level.WARN for flaw in inspected(hostile).flaws)
    for profile, verdict in verdicts(hostile).items():
        weight = Weight.WARN if mild and profile is not Profile.STRICT else rule.weight(profile)
        if weight is Weight.REFUSE or not readable:
            assert isinstance(verdict, Reject) and {flaw.code for flaw in verdict.flaws} == {rule.code}
        else:
            told = set() if weight is Weight.OFF else {rule.code}
            assert isinstance(verdict, Admit) and {flaw.code for flaw in verdict.warnings} == told
    assert set(verdicts(twin(hostile)).values()) == {Admit()}


@uploads
@pytest.mark.parametrize("profile", Profile, ids=str)
def test_an_upload_is_refused_by_one_rule_of_the_index(hostile: dict[str, Any], profile: Profile) -> None:
    """In every profile; with the rule off it is admitted, unless it is fixed. Its twin passes."""
    upload, terms = upload_of(hostile)
    terms = replace(terms, profile=profile)
    refused = judge(upload, terms)
    assert isinstance(refused, Reject) and [flaw.code for flaw in refused.flaws] == [hostile["code"]]
    weakened = judge(upload, replace(terms, rules={hostile["code"]: Weight.OFF}))
    assert weakened == (refused if RULES[hostile["code"]].fixed else Admit())
    other, others_terms = upload_of(twin_of(hostile))
    assert judge(other, replace(others_terms, profile=profile)) == Admit()


def test_no_rule_is_without_a_specimen() -> None:
    """A new rule needs a new archive or upload here; those that can't have one say where they are tested."""
    broken = {hostile["code"] for hostile in (*HOSTILE, *UPLOADS)}
    assert broken | NO_ARCHIVE.keys() == RULES.keys()
    assert not broken & NO_ARCHIVE.keys()

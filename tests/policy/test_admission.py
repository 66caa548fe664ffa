"""The index's own rules, and the verdict that comes of all flaws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from eggwatch.model.archives import CoreMetadata, Inspection
from eggwatch.model.names import Filename, parse_filename
from eggwatch.model.verdicts import Admit, Defer, Flaw, Known, Level, Reject
from eggwatch.policy.admission import Holding, Upload, judge, scarce
from eggwatch.policy.ownership import Publisher
from eggwatch.policy.rules import Profile, Weight
from eggwatch.policy.terms import Terms
from eggwatch.policy.weighing import refuses_readmes

CORE = CoreMetadata(metadata_version="2.1", name="demo", version="1.0")
WHOLE = Inspection(core=CORE, metadata=b"")
WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"
ALICE = Publisher(name="alice", groups=frozenset({"release"}))


def upload(name: str = WHEEL, **values: Any) -> Upload:
    """A sound upload that nothing is known of."""
    plain: dict[str, Any] = {"sha256": "a" * 64, "inspection": WHOLE, "holding": None, "account": ALICE, "size": 100}
    return Upload(filename=parse_filename(name), **{**plain, **values})


def holding(**values: Any) -> Holding:
    """What the index holds under the name: other bytes, published by bob."""
    plain: dict[str, Any] = {
        "filename": WHEEL,
        "sha256": "b" * 64,
        "serial": 7,
        "present": True,
        "at": "2026-01-01",
        "uploader": "bob",
    }
    return Holding(**{**plain, **values})


def refusal(found: Upload, **terms: Any) -> Flaw:
    """The one flaw that refuses the upload; the same upload without terms is admitted."""
    verdict = judge(found, Terms(**terms))
    assert isinstance(verdict, Reject), verdict
    (flaw,) = verdict.flaws
    return flaw


def test_a_sound_upload_is_admitted() -> None:
    """Nothing is asked by default of whoever uploads."""
    assert judge(upload()) == Admit()


def test_the_same_bytes_again_are_known() -> None:
    """Whoever uploads them, whatever the terms are."""
    held = holding(sha256="a" * 64)
    assert judge(upload(holding=held), Terms(archived=("demo",))) == Known(serial=7)


def test_an_unfinished_upload_waits() -> None:
    """Even where it would be refused for something else."""
    unfinished = replace(WHOLE, incomplete="The end is missing.")
    assert judge(upload(inspection=unfinished, twin=SDIST)) == Defer(reason="The end is missing.")


def test_an_overdue_upload_is_refused() -> None:
    """Then `incomplete` is a flaw like others, which nothing can weaken."""
    flaw = Flaw(code="incomplete", subject=WHEEL, message="…")
    late = upload(inspection=Inspection(incomplete="…", flaws=(flaw,)), overdue=True)
    assert refusal(late, rules={"incomplete": Weight.OFF}) == flaw


@pytest.mark.parametrize("uploader", ["bob", None])
def test_a_published_name_gets_no_other_bytes(uploader: str | None) -> None:
    """The refusal says since when, by whom, and that the version has to be raised."""
    flaw = refusal(upload(holding=holding(uploader=uploader)))
    assert (flaw.code, "by bob" in flaw.message) == ("file-exists", uploader == "bob")
    assert "increase the version" in flaw.message


def test_a_removed_name_gets_no_other_bytes() -> None:
    """Caches know the old ones still."""
    assert refusal(upload(holding=holding(present=False))).code == "filename-used-before"


def test_a_removed_file_may_return() -> None:
    """The same bytes under the same name are not a second use."""
    assert judge(upload(holding=holding(present=False, sha256="a" * 64))) == Admit()


def test_the_same_bytes_have_one_name() -> None:
    """The refusal names the other."""
    flaw = refusal(upload(twin="other-1.0-py3-none-any.whl"))
    assert (flaw.code, flaw.subject) == ("same-bytes", "other-1.0-py3-none-any.whl")


def test_a_release_has_one_sdist() -> None:
    """The refusal names the other."""
    flaw = refusal(upload(SDIST, other_sdist="demo-1.0.0.tar.gz"))
    assert (flaw.code, flaw.subject) == ("sdist-exists", "demo-1.0.0.tar.gz")


def test_a_file_has_at_most_its_size() -> None:
    """Just as large is fine."""
    assert judge(upload(size=100), Terms(max_file_size=100)) == Admit()
    assert refusal(upload(size=101), max_file_size=100).code == "file-too-large"


def test_a_project_has_at_most_its_size() -> None:
    """What is published counts, and the upload."""
    assert judge(upload(project_size=100), Terms(max_project_size=200)) == Admit()
    assert refusal(upload(project_size=101), max_project_size=200).code == "project-too-large"


def test_only_allowed_names_are_taken() -> None:
    """Where any are named."""
    assert judge(upload(), Terms(allowed_names=("x", "d*"))) == Admit()
    assert refusal(upload(), allowed_names=("acme-*",)).code == "name-not-allowed"


def test_forbidden_names_are_not_taken() -> None:
    """The refusal names the pattern."""
    assert judge(upload(), Terms(forbidden_names=("requests",))) == Admit()
    flaw = refusal(upload(), forbidden_names=("dem?",))
    assert (flaw.code, "dem?" in flaw.message) == ("name-forbidden", True)


def test_below_a_reserved_prefix_owners_have_to_be_named() -> None:
    """A prefix that is reserved and owned is asked for its owners only."""
    assert judge(upload(), Terms(reserved_prefixes=("acme-",))) == Admit()
    assert refusal(upload(), reserved_prefixes=("de",)).code == "name-reserved"
    owned = Terms(reserved_prefixes=("de",), owners={"de*": frozenset({"alice"})})
    assert judge(upload(), owned) == Admit()


def test_an_archived_project_takes_no_uploads() -> None:
    """From nobody."""
    assert judge(upload(), Terms(archived=("other",))) == Admit()
    assert refusal(upload(), archived=("demo",)).code == "project-archived"


def test_owners_may_upload_by_name_and_by_group() -> None:
    """And to what nobody owns, anybody may."""
    for names in ({"alice"}, {"@release"}):
        assert judge(upload(), Terms(owners={"demo": frozenset(names)})) == Admit()
    assert judge(upload(), Terms(owners={"other": frozenset({"bob"})})) == Admit()


def test_strangers_may_not_upload() -> None:
    """The refusal says who may, and who it was."""
    flaw = refusal(upload(), owners={"demo": frozenset({"bob", "@staff"})})
    assert flaw.code == "not-owner"
    assert "@staff, bob (owners)" in flaw.message and "uploaded by alice" in flaw.message


def test_an_upload_of_nobody_is_refused_where_somebody_owns_and_is_told_where_to_lie() -> None:
    """`identity = "folder"`, and it lies in DROP itself."""
    nobody = Publisher(name=None)
    assert judge(upload(account=nobody)) == Admit()
    for terms in ({"first_uploader_owns": True}, {"owners": {"demo": frozenset({"alice"})}}):
        flaw = refusal(upload(account=nobody), **terms)
        assert flaw.code == "not-owner" and "the folder of your account" in flaw.message


def test_what_others_may_have_written_is_refused_where_somebody_owns() -> None:
    """Though it belongs to an owner; with what to do. A stranger's is a stranger's, and elsewhere nobody asks."""
    doubted = Publisher(name="alice", doubt="others may write to it (mode 0664)")
    assert judge(upload(account=doubted)) == Admit()
    assert judge(upload(account=doubted), Terms(owners={"other": frozenset({"bob"})})) == Admit()
    for terms in ({"first_uploader_owns": True}, {"owners": {"demo": frozenset({"alice"})}}):
        flaw = refusal(upload(account=doubted), **terms)
        assert flaw.code == "not-owner" and "(mode 0664)" in flaw.message and "chmod g-w" in flaw.message
    assert "bob (owners)" in refusal(upload(account=doubted), owners={"demo": frozenset({"bob"})}).message


def test_the_first_uploader_owns_where_the_configuration_says_so() -> None:
    """A new project is anybody's, an old one that of who began it."""
    terms = Terms(first_uploader_owns=True)
    assert judge(upload(first_uploader=None), terms) == judge(upload(first_uploader="alice"), terms) == Admit()
    assert judge(upload(first_uploader="bob")) == Admit()
    flaw = refusal(upload(first_uploader="bob"), first_uploader_owns=True)
    assert (flaw.code, "bob, who uploaded its first file" in flaw.message) == ("not-owner", True)


def test_owners_go_before_the_first_uploader() -> None:
    """A project that `owners` names is not asked who began it."""
    terms = Terms(first_uploader_owns=True, owners={"demo": frozenset({"alice"})})
    assert judge(upload(first_uploader="bob"), terms) == Admit()


def test_where_the_account_is_not_asked_for_nobody_is_refused() -> None:
    """A caller that does not look accounts up gets no answer about them."""
    assert judge(upload(account=None), Terms(owners={"demo": frozenset({"bob"})})) == Admit()


def test_all_flaws_come_at_once() -> None:
    """The archive's first, then the index's, in the order of the rules; a warning among them stays one."""
    inspection = replace(WHOLE, flaws=(Flaw(code="zip-crc", subject="m", message="…"),))
    terms = Terms(archived=("demo",), max_file_size=1)
    verdict = judge(upload(inspection=inspection, twin=SDIST, holding=holding()), terms)
    assert isinstance(verdict, Reject)
    codes = [flaw.code for flaw in verdict.flaws]
    assert codes == ["zip-crc", "file-exists", "same-bytes", "file-too-large", "project-archived"]


def test_a_warning_of_the_default_profile_refuses_in_the_profile_pypi() -> None:
    """The same flaw, by another measure."""
    found = upload(inspection=replace(WHOLE, flaws=(Flaw(code="zip-comment", subject="m", message="…"),)))
    verdict = judge(found)
    assert isinstance(verdict, Admit) and verdict.warnings[0].level is Level.WARN
    assert refusal(found, profile=Profile.PYPI).code == "zip-comment"


def test_a_rule_that_is_off_says_nothing() -> None:
    """The configuration's word goes for the index's own rules too."""
    assert judge(upload(twin=SDIST), Terms(rules={"same-bytes": Weight.OFF})) == Admit()


def test_what_has_no_metadata_is_refused_whatever_is_configured() -> None:
    """There is nothing to publish it by: turning the rule off that says so can't help."""
    broken = Inspection(flaws=(Flaw(code="zip-malformed", subject="m", message="…"),))
    assert refusal(upload(inspection=broken), rules={"zip-malformed": Weight.OFF}).code == "zip-malformed"


def test_a_name_that_is_none_is_not_asked_for_its_project() -> None:
    """Only what the inspector says counts."""
    flaw = parse_filename("demo.whl")
    assert isinstance(flaw, Flaw)
    found = Upload(filename=flaw, sha256="a" * 64, inspection=Inspection(flaws=(flaw,)), holding=None, twin=SDIST)
    assert judge(found) == Reject(flaws=(flaw,))


def test_hostile_text_is_shown_and_not_sent() -> None:
    """An uploader's name for a file can't move a terminal's cursor."""
    assert refusal(upload(twin="de\x1bmo")).subject == "de\\x1bmo"


def wanted(name: str, terms: Terms | None = None, *, orphan: bool = False) -> frozenset[str]:
    """What only one upload may be judged for at a time."""
    return scarce(parse_filename(name), "a" * 64, terms or Terms(), orphan=orphan)


def test_one_of_several_uploads_of_the_same_bytes_is_judged_first() -> None:
    """Whatever they are called."""
    assert wanted("nonsense") == wanted(WHEEL) == frozenset({f"bytes {'a' * 64}"})


def test_one_of_several_sdists_of_a_release_is_judged_first() -> None:
    """1.0 and 1.0.0 are one release."""
    assert wanted("demo-1.0.tar.gz") == wanted("demo-1.0.0.tar.gz")
    assert wanted("demo-1.0.tar.gz") != wanted("demo-1.1.tar.gz")


def test_uploads_of_a_project_are_judged_one_by_one_where_they_depend_on_each_other() -> None:
    """Where their sizes add up, or where the first of them decides whose the project is."""
    first = Terms(first_uploader_owns=True)
    assert "project demo" in wanted(WHEEL, Terms(max_project_size=1))
    assert "project demo" in wanted(WHEEL, first, orphan=True)
    assert "project demo" not in wanted(WHEEL, first) | wanted(WHEEL, orphan=True)


def test_parsed_names_are_what_the_tests_think() -> None:
    """The filenames above are filenames."""
    assert all(isinstance(parse_filename(name), Filename) for name in (WHEEL, SDIST))


def test_readmes_are_rendered_before_publication_only_where_that_decides() -> None:
    """In the profile pypi, or where the configuration refuses what does not render."""
    assert not refuses_readmes(Terms())
    assert refuses_readmes(Terms(profile=Profile.PYPI))
    assert refuses_readmes(Terms(rules={"readme-unrenderable": Weight.REFUSE}))
    assert not refuses_readmes(Terms(profile=Profile.PYPI, rules={"readme-unrenderable": Weight.OFF}))

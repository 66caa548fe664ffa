"""What a flaw weighs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eggwatch.model.codes import Code
from eggwatch.model.verdicts import Flaw, Level
from eggwatch.policy.admission import weigh
from eggwatch.policy.rules import RULES, Profile, Weight
from eggwatch.policy.terms import Terms
from eggwatch.policy.weighing import needs_renderer, weights


def flaw(code: str, level: Level = Level.REFUSE) -> Flaw:
    """A flaw of which only code and level matter."""
    return Flaw(code=code, subject="s", message="m", level=level)


def levels(*flaws: Flaw, profile: Profile = Profile.DEFAULT, **rules: Weight) -> list[tuple[str, Level]]:
    """(code, level) after weighing; `rules` with _ for -."""
    overrides = {code.replace("_", "-"): weight for code, weight in rules.items()}
    return [(one.code, one.level) for one in weigh(flaws, profile, overrides)]


def test_the_profile_decides() -> None:
    """A comment in a zip is a warning by default, and refused as PyPI does."""
    assert levels(flaw("zip-comment")) == [("zip-comment", Level.WARN)]
    assert levels(flaw("zip-comment", Level.WARN), profile=Profile.PYPI) == [("zip-comment", Level.REFUSE)]


def test_the_configuration_goes_before_the_profile() -> None:
    """A rule may refuse, warn or be off by its code."""
    found = flaw("zip-crc"), flaw("zip-comment"), flaw("zip-overlap")
    weighed = levels(*found, zip_crc=Weight.WARN, zip_comment=Weight.REFUSE, zip_overlap=Weight.OFF)
    assert weighed == [("zip-crc", Level.WARN), ("zip-comment", Level.REFUSE)]


def test_what_is_off_is_not_told() -> None:
    """'Private ::' is right in a private index."""
    assert levels(flaw("classifier-private")) == []


def test_what_protects_the_index_stays_whatever_is_configured() -> None:
    """A fixed rule can't be turned off, even by a caller who did not check the configuration."""
    assert levels(flaw("file-exists"), file_exists=Weight.OFF) == [("file-exists", Level.REFUSE)]


def test_a_code_that_is_not_in_the_table_keeps_its_level() -> None:
    """An older or newer inspector is believed."""
    assert levels(flaw("from-tomorrow"), flaw("and-mild", Level.WARN)) == [
        ("from-tomorrow", Level.REFUSE),
        ("and-mild", Level.WARN),
    ]


def test_a_milder_case_of_a_refusing_rule_stays_a_warning() -> None:
    """Another spelling of the top folder is no reason to refuse an sdist, to PyPI neither."""
    mild = flaw("sdist-top-folder", Level.WARN)
    assert levels(mild) == levels(mild, profile=Profile.PYPI) == [("sdist-top-folder", Level.WARN)]
    assert levels(mild, profile=Profile.STRICT) == [("sdist-top-folder", Level.REFUSE)]
    assert levels(mild, sdist_top_folder=Weight.REFUSE) == [("sdist-top-folder", Level.REFUSE)]


FLAWS = st.lists(st.builds(flaw, st.sampled_from([*RULES, "unheard-of"]), st.sampled_from(Level)))
OVERRIDES = st.dictionaries(st.sampled_from(list(RULES)), st.sampled_from(Weight))


@given(FLAWS, st.sampled_from(Profile), OVERRIDES)
def test_weighing_twice_is_weighing_once(found: list[Flaw], profile: Profile, overrides: dict[str, Weight]) -> None:
    """What `check` and the daemon do with the same flaws is the same, however often."""
    once = weigh(found, profile, overrides)
    assert [one.code for one in once] == [one.code for one in found if one in once or _is_kept(one, once)]
    assert weigh([one for one in once if one.level is Level.REFUSE], profile, overrides) == tuple(
        one for one in once if one.level is Level.REFUSE
    )


def _is_kept(one: Flaw, once: tuple[Flaw, ...]) -> bool:
    return any(other.code == one.code for other in once)


@given(FLAWS, st.sampled_from(Profile), OVERRIDES)
def test_strict_is_never_milder(found: list[Flaw], profile: Profile, overrides: dict[str, Weight]) -> None:
    """Whatever is refused in another profile is refused in the profile strict."""
    refused = [one.code for one in weigh(found, profile, overrides) if one.level is Level.REFUSE]
    strictly = [one.code for one in weigh(found, Profile.STRICT, overrides) if one.level is Level.REFUSE]
    assert set(refused) <= set(strictly)


def test_pypi_takes_what_pypi_does_not_look_at() -> None:
    """A wrong CRC can't be installed, and could be uploaded."""
    assert levels(flaw("zip-crc")) == [("zip-crc", Level.REFUSE)]
    assert levels(flaw("zip-crc"), profile=Profile.PYPI) == [("zip-crc", Level.WARN)]


def test_readmes_are_rendered_where_one_that_can_not_be_is_rejected() -> None:
    """That takes milliseconds, so it is done for a rule that somebody asked for."""
    rules = {Code.README_UNRENDERABLE: Weight.REFUSE}
    assert not needs_renderer(Terms()) and needs_renderer(Terms(rules=rules))
    assert weights(Terms(rules=rules))[Code.README_UNRENDERABLE] == "refuse"

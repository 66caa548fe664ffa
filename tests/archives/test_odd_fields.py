"""One odd value in a field: it is told, it is no error of ours, and the rules still see all others."""

from __future__ import annotations

import pytest

from eggwatch.archives.metadata import fields
from eggwatch.archives.metadata.readme import readme_flaws
from tests.archive_factory import RST, core_metadata, sdist, sdist_members, targz_of, wheel, wheel_members, zip_of
from tests.archive_factory import recorded as with_record
from tests.archives.judging import SDIST, WHEEL, judge, refusals, warnings

NO_UTF8 = b"\xff"


def codes(*lines: bytes, version: bytes = b"2.4") -> set[str]:
    """Of an sdist whose metadata has these lines more."""
    head = b"Metadata-Version: " + version + b"\nName: demo\nVersion: 1.0\n"
    members = {**sdist_members(), "demo-1.0/PKG-INFO": head + b"".join(line + b"\n" for line in lines)}
    inspection = judge(SDIST, targz_of(members))
    return {flaw.code for flaw in inspection.flaws}


@pytest.mark.parametrize("tag", ["py3-no..ne-any", "py3-.-any", "py3.-none-any", "--", "py3--any", "-", ""])
def test_a_tag_with_an_empty_part_is_a_flaw(tag: str) -> None:
    """packaging raises InvalidTag over some of them."""
    wheel_file = f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    inspection = judge(WHEEL, zip_of(with_record({**wheel_members(), "demo-1.0.dist-info/WHEEL": wheel_file})))
    assert {flaw.code for flaw in inspection.flaws} & {"wheel-file-invalid", "wheel-tags-mismatch"}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        (b"Requires-Dist", b"other=>1", "requirement-invalid"),
        (b"Requires-Dist", b"other @ https://example.org/other.whl", "requirement-direct"),
        (b"Classifier", b"Programming Language :: Snake", "classifier-unknown"),
        (b"License-File", b"LICENSE", "license-file-missing"),
        (b"Dynamic", b"Name", "dynamic-invalid"),
        (b"Provides-Dist", b"not a name", "provides-dist-invalid"),
        (b"Obsoletes-Dist", b"not a name", "provides-dist-invalid"),
        (b"Provides-Extra", b"not an extra", "metadata-field-invalid"),
        (b"Project-URL", b"Docs, javascript:alert(1)", "url-invalid"),
    ],
)
def test_one_odd_value_hides_no_other(field: bytes, value: bytes, code: str) -> None:
    """Bytes that are not UTF-8, an absurd length, or a label that stands twice: the rules see the other values."""
    flawed = field + b": " + value
    assert code in codes(flawed)
    assert {code, "metadata-encoding"} <= codes(field + b": x, y" + NO_UTF8, flawed)
    assert {code, "metadata-field-invalid"} <= codes(field + b": x, " + b"y" * 11_000, flawed)
    assert code in codes(field + b": Docs, https://example.org/", flawed)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        (b"Summary", b"x" * 600, "summary-too-long"),
        (b"Author-email", b"jane at example.org", "email-invalid"),
        (b"Home-page", b"example dot org", "url-invalid"),
        (b"License-Expression", b"MIT or so", "license-expression-invalid"),
        (b"Description-Content-Type", b"text/html", "description-content-type-invalid"),
    ],
)
def test_the_rules_see_a_field_that_stands_twice_or_is_not_utf8(field: bytes, value: bytes, code: str) -> None:
    """Each value of it."""
    flawed = field + b": " + value
    assert code in codes(flawed)
    assert {code, "metadata-encoding"} <= codes(flawed + NO_UTF8)
    for lines in ((flawed, field + b": x"), (field + b": x", flawed)):
        assert {code, "metadata-field-repeated"} <= codes(*lines)


def test_one_field_that_a_parser_gives_up_over_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each field is handed to packaging alone."""

    def give_up(*_: object) -> None:
        raise AttributeError

    monkeypatch.setattr("packaging.metadata._Validator._process_license_expression", give_up)
    try:
        found = codes(b"License-Expression: MIT-0", b"Dynamic: Name")
    finally:
        fields._wrong_value.cache_clear()  # it remembers what is wrong with a value
    assert {"metadata-field-invalid", "dynamic-invalid"} <= found


def test_a_readme_that_is_not_utf8_is_rendered_all_the_same() -> None:
    """Or one byte would keep it from being judged."""
    content = core_metadata(metadata_extra=RST) + b".. raw:: html\n\n   <script>alert(1)</script>\n" + NO_UTF8
    assert [flaw.code for flaw in readme_flaws(content)] == ["readme-unrenderable"]


def test_sound_metadata_has_no_odd_field() -> None:
    """Names and texts of all languages are UTF-8."""
    lines = "Author: J\u00fcrgen \u540d\nKeywords: \u00fc\n"
    for filename, data in (wheel(metadata_extra=lines), sdist(metadata_extra=lines)):
        assert not refusals(judge(filename, data)) and not warnings(judge(filename, data))


@pytest.mark.parametrize("value", ["\x1b[2Jx", "x" * 9000, "\u202ex"], ids=["a command", "long", "a direction"])
def test_no_message_acts_on_a_terminal_or_fills_it(value: str) -> None:
    """Two quoted what an archive says: a licence file that is missing, and a script in a folder named python."""
    members = {**wheel_members(), f"demo-1.0.data/scripts/python/{value}": b"#!python\n"}
    content = core_metadata(metadata_extra=f"License-File: {value}\n")
    inspection = judge(WHEEL, zip_of(with_record({**members, "demo-1.0.dist-info/METADATA": content})))
    assert {"license-file-missing", "script-unsupported"} <= {flaw.code for flaw in inspection.flaws}
    assert all(flaw.message.isprintable() and len(flaw.message) < 1000 for flaw in inspection.flaws)

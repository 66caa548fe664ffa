"""Core metadata: what pkginfo reads of it, and how it has to agree with the filename."""

from __future__ import annotations

import warnings

import pkginfo
import pytest
from packaging.metadata import Metadata

from eggwatch.archives.findings import Findings
from eggwatch.archives.metadata.fields import check_fields
from eggwatch.archives.metadata.metadata import read_metadata
from eggwatch.model.archives import CoreMetadata
from eggwatch.model.names import Filename, parse_filename
from tests.archive_factory import core_metadata, sdist, targz_of, wheel
from tests.archives.judging import SDIST, judge, message, refusals


def read(content: bytes, filename: str = "demo-1.0.tar.gz") -> tuple[CoreMetadata | None, list[str]]:
    """The core metadata, and the codes of its flaws."""
    parsed = parse_filename(filename)
    assert isinstance(parsed, Filename)
    findings = Findings()
    core = read_metadata(content, parsed, "PKG-INFO", findings)
    return core, [flaw.code for flaw in findings.flaws]


def headers(**values: str) -> bytes:
    """Metadata with these fields; an empty value leaves its field out."""
    fields = {"Metadata_Version": "2.1", "Name": "demo", "Version": "1.0", **values}
    lines = [f"{key.replace('_', '-')}: {value}\n" for key, value in fields.items() if value]
    return "".join(lines).encode() + b"\n"


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("metadata-name-missing", headers(Name="")),
        ("metadata-name-missing", headers(Name="UNKNOWN")),
        ("metadata-name-invalid", headers(Name="demo!")),
        ("metadata-name-invalid", headers(Name="-demo")),
        ("metadata-name-invalid", headers(Name="de\x00mo")),
        ("metadata-name-invalid", headers(Name="d" * 300)),
        ("metadata-name-mismatch", headers(Name="other")),
        ("metadata-version-missing", headers(Version="")),
        ("metadata-version-invalid", headers(Version="one")),
        ("metadata-version-invalid", headers(Version="1." * 200 + "0")),
        ("metadata-version-mismatch", headers(Version="1.1")),
        ("metadata-version-mismatch", headers(Version="1.0+local")),
        ("metadata-requires-python", headers(Requires_Python="snake")),
        ("requires-python-wildcard", headers(Requires_Python=">=3.6.*")),
        ("metadata-requires-python", headers(Requires_Python=">=3.x.*")),
        ("metadata-requires-python", headers(Requires_Python="===3\x01")),
        ("metadata-requires-python", headers(Requires_Python=">=3," * 300 + ">=3")),
        ("metadata-encoding", headers(Author="Jürgen").decode().encode("latin-1")),
        ("metadata-version-unknown", headers(Metadata_Version="")),
        ("metadata-version-unknown", headers(Metadata_Version="newest")),
        ("metadata-version-unknown", headers(Metadata_Version="0.9")),
        ("metadata-version-unknown", headers(Metadata_Version="3.0")),
        ("metadata-version-unknown", headers(Metadata_Version="2")),
        ("metadata-version-withdrawn", headers(Metadata_Version="2.0")),
        ("metadata-version-newer", headers(Metadata_Version="2.7")),
        ("metadata-version-unknown", b""),
        ("metadata-version-unknown", b"\x00" * 99),
        ("metadata-unreadable", headers(Content_Type="multipart/mixed; boundary=x")),
        ("metadata-unreadable", b"a:b\rcontent-TYPE:message/rfc822\n"),
        ("metadata-unreadable", b"a:b\n" * 10_001),
        ("metadata-unreadable", b"a:b\r" * 10_001),
    ],
)
def test_flawed_metadata_is_refused_for_that_flaw_only(code: str, content: bytes) -> None:
    """Name and Version are there, valid and the filename's; Requires-Python is a specifier set."""
    assert read(content)[1] == [code]


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("metadata-name-invalid", headers(Name="demo\t")),
        ("metadata-version-invalid", headers(Version="1.0\x1f")),
    ],
)
def test_blanks_behind_a_name_or_version_are_refused_though_pkginfo_strips_them(code: str, content: bytes) -> None:
    """Installers do not leave them out, and find no such project or version."""
    core, flaws = read(content)
    assert core is not None
    assert (core.name, core.version, flaws) == ("demo", "1.0", [])
    findings = Findings()
    check_fields(content, core, findings)
    assert [flaw.code for flaw in findings.flaws] == [code]


@pytest.mark.parametrize("field", ["description", "license", "keywords", "author", "maintainer"])
def test_packaging_takes_anything_in_a_field_of_free_text(field: str) -> None:
    """They are left out when single fields are given to it."""
    value = ["a\x00b\n"] if field == "keywords" else "a\x00b\n"
    Metadata.from_raw({"metadata_version": "2.4", "name": "demo", "version": "1", field: value})  # type: ignore[misc]


@pytest.mark.parametrize(
    "content",
    [
        headers(),
        headers(Name="Demo"),
        headers(Version="1.0.0"),
        headers(Version="v1"),
        headers(Metadata_Version="1.0"),
        headers(Metadata_Version="2.5"),
        headers(Requires_Python=">=2.7, !=3.0.*, !=3.1.*"),
        headers(Summary="two\n        lines"),
        headers(Description="a long one\n        " + "with many lines\n        " * 20_000),
        headers().replace(b"\n", b"\r\n"),
        headers(Author="Jürgen"),
        headers(Description_Content_Type="text/markdown") + b"Content-Type: in the description\n",
        headers() + b"a:b\n" * 20_000,
    ],
)
def test_sound_metadata_has_no_flaw(content: bytes) -> None:
    """Spelling, old and new metadata versions, line ends, encodings and long descriptions are all fine."""
    core, codes = read(content)
    assert codes == []
    assert core is not None and core.name is not None


def test_a_mismatch_says_both_sides() -> None:
    """The message names what the filename and what the metadata says."""
    name, data = wheel(filename="other-2.0-py3-none-any.whl")
    inspection = judge(name, data)
    assert "The filename says other, METADATA says demo." in message(inspection, "metadata-name-mismatch")
    assert "The filename says 2.0, METADATA says 1.0." in message(inspection, "metadata-version-mismatch")


def test_all_three_fields_are_read() -> None:
    """Name, version, requires-python and summary come out as pkginfo reads them, the bytes as they are."""
    for build in (wheel, sdist):
        name, data = build("Demo.Tool", "1.0rc1", requires_python=">=3.9", metadata_extra="License: MIT\n")
        inspection = judge(name, data)
        assert inspection.flaws == ()
        assert inspection.core == CoreMetadata(
            metadata_version="2.1",
            name="Demo.Tool",
            version="1.0rc1",
            requires_python=">=3.9",
            summary="The Demo.Tool project",
        )
        assert inspection.metadata == core_metadata(
            "Demo.Tool", "1.0rc1", requires_python=">=3.9", metadata_extra="License: MIT\n"
        )


def test_fields_are_fit_to_be_shown() -> None:
    """Control characters are spelled out, and no field is longer than a page bears."""
    core, _ = read(headers(Summary="\x1b[31m" + "x" * 9000, Name="demo\x07", Requires_Python="=" * 9000))
    assert core is not None and core.summary is not None and core.requires_python is not None
    assert core.summary.startswith("\\x1b[31mxxx") and len(core.summary) == 513
    assert core.name == "demo\\x07"
    assert len(core.requires_python) == 501


def test_what_pkginfo_can_not_read_is_a_flaw(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception out of pkginfo or email is the upload's fault, and is quoted."""

    def broken(self: object, data: bytes) -> None:
        raise AttributeError("no such thing")

    monkeypatch.setattr(pkginfo.Distribution, "parse", broken)
    inspection = judge(*wheel(metadata_extra="License: of\n several lines\n"))
    assert refusals(inspection) == ["metadata-unreadable"]
    assert "AttributeError: no such thing" in message(inspection, "metadata-unreadable")


def test_pkginfo_warns_nobody() -> None:
    """A metadata version that is newer than pkginfo is no noise in our log."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(headers(Metadata_Version="2.99"))[1] == ["metadata-version-newer"]


def test_foreign_text_is_escaped_once() -> None:
    """A control character is shown as such, and not its escape escaped."""
    inspection = judge(
        SDIST, targz_of({"demo-1.0/PKG-INFO": b"Metadata-Version: 2.1\nName: de\x1b'mo\nVersion: 1.0\n\n"})
    )
    assert "has the Name 'de\\x1b'mo', which" in message(inspection, "metadata-name-invalid")

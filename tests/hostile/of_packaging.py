"""The bad filenames and metadata of packaging's own tests, as rows like those of of_others.py."""

from __future__ import annotations

from typing import Any

from tests.hostile.of_others import ADMITTED, REFUSED, Case


def fields(**values: Any) -> dict[str, Any]:
    """A wheel with these metadata fields."""
    return {"fields": {name.replace("_", "-"): value for name, value in values.items()}}


PACKAGING = (
    *(
        Case("packaging", f"the filename {name!r}", {"filename": name}, REFUSED, (code,))
        for name, code in (
            ("foo-1.0.whl", "filename-invalid"),
            ("foo-1.0-py3-none-any.wheel", "filename-format"),
            ("foo__bar-1.0-py3-none-any.whl", "filename-invalid"),
            ("foo\n-1.0-py3-none-any.whl", "filename-control-characters"),
            ("foo#bar-1.0-py3-none-any.whl", "filename-invalid"),
            ("-1.0-py3-none-any.whl", "filename-invalid"),
            ("-1.0-200-py3-none-any.whl", "filename-invalid"),
            ("foobar-1.x-py3-none-any.whl", "filename-invalid"),
            ("foo-1.0-abc-py3-none-any.whl", "filename-invalid"),
            ("foo-1.0-200-py3-none-any-junk.whl", "filename-invalid"),
            ("foo-1.0--none-any.whl", "filename-invalid"),
            ("foo-1.0-py3-none-.whl", "filename-invalid"),
            ("foo-1.0-py3.-none-any.whl", "filename-invalid"),
            ("playlyfe-0.1.1-2.7.6-none-any.whl", "filename-invalid"),
        )
    ),
    *(
        Case("packaging", f"the filename {name!r}", {"kind": "sdist", "filename": name}, REFUSED, (code,))
        for name, code in (
            ("foo-1.0.xz", "filename-format"),
            ("foo1.0.tar.gz", "filename-invalid"),
            ("foo-1.x.tar.gz", "filename-invalid"),
            ("-1.0.tar.gz", "filename-invalid"),
        )
    ),
    # What it holds is a .tar.gz, and that is said, too.
    Case(
        "packaging",
        "the filename '-1.0.zip'",
        {"kind": "sdist", "filename": "-1.0.zip"},
        REFUSED,
        ("filename-format", "not-a-zip"),
    ),
    Case("packaging", "no name", fields(Name=None), REFUSED, ("metadata-name-missing",)),
    Case("packaging", "a name with a dash at its end", fields(Name="demo-"), REFUSED, ("metadata-name-invalid",)),
    Case("packaging", "no version", fields(Version=None), REFUSED, ("metadata-version-missing",)),
    Case(
        "packaging",
        "a version with text for a place",
        fields(Version="{version}"),
        REFUSED,
        ("metadata-version-invalid",),
    ),
    Case(
        "packaging",
        "a version of the metadata that never was",
        fields(Metadata_Version="1.3"),
        REFUSED,
        ("metadata-version-unknown",),
    ),
    Case(
        "packaging", "metadata version 2.0", fields(Metadata_Version="2.0"), ADMITTED, ("metadata-version-withdrawn",)
    ),
    Case(
        "packaging", "two names that are equal", fields(Name=["demo", "demo"]), ADMITTED, ("metadata-field-repeated",)
    ),
    Case(
        "packaging",
        "a Requires-Python that is none",
        fields(Requires_Python="not real"),
        REFUSED,
        ("metadata-requires-python",),
    ),
    Case("packaging", "an extra that is none", fields(Provides_Extra="pdf_"), REFUSED, ("metadata-field-invalid",)),
    Case(
        "packaging",
        "a requirement that is none",
        fields(Requires_Dist="pkginfo~>1.0"),
        REFUSED,
        ("requirement-invalid",),
    ),
    Case(
        "packaging",
        "a field that can't be dynamic",
        fields(Metadata_Version="2.2", Dynamic="Name"),
        REFUSED,
        ("dynamic-invalid",),
    ),
    Case(
        "packaging",
        "a dynamic field that is none",
        fields(Metadata_Version="2.2", Dynamic="Smells"),
        REFUSED,
        ("dynamic-invalid",),
    ),
    Case(
        "packaging",
        "a licence expression that is none",
        fields(Metadata_Version="2.4", License_Expression="MIT OR"),
        REFUSED,
        ("license-expression-invalid",),
    ),
    Case(
        "packaging",
        "a licence file outside",
        fields(Metadata_Version="2.4", License_File="../LICENSE"),
        REFUSED,
        ("metadata-field-invalid", "license-file-missing"),
    ),
    Case(
        "packaging",
        "an import name that is a keyword",
        fields(Metadata_Version="2.5", Import_Name="import"),
        REFUSED,
        ("metadata-field-invalid",),
    ),
    Case("packaging", "a summary of two lines", fields(Summary="Hello\n    Again"), ADMITTED, ("summary-multiline",)),
    Case(
        "packaging", "an author that is not UTF-8", fields(Author="J\udce9r\udcf4me"), REFUSED, ("metadata-encoding",)
    ),
    Case(
        "packaging",
        "a description of an unknown type",
        fields(Metadata_Version="2.1", Description_Content_Type="text/html"),
        ADMITTED,
        ("description-content-type-invalid",),
    ),
)

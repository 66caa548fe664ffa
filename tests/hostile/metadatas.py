"""Hostile metadata, each a dict (building.Description) with the one code that finds it; in wheels."""

from __future__ import annotations

from typing import Any

from tests.archive_factory import core_metadata

V4 = {"Metadata-Version": "2.4"}


def fields(code: str, sound: Any = ..., base: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    """A wheel whose metadata has these fields; `sound` is what the last of them says in the twin."""
    named = {**(base or {}), **{name.replace("_", "-"): value for name, value in values.items()}}
    description: dict[str, Any] = {"code": code, "fields": named}
    if sound is not ...:
        description["twin"] = {"fields": {**named, list(named)[-1]: sound}}
    return description


METADATA: tuple[dict[str, Any], ...] = (
    fields("metadata-unreadable", Content_Type="multipart/mixed; boundary=x"),
    fields("metadata-version-unknown", "2.5", Metadata_Version="3.0"),
    fields("metadata-version-withdrawn", "2.1", Metadata_Version="2.0"),
    fields("metadata-version-newer", "2.5", Metadata_Version="2.6"),
    fields("metadata-name-missing", Name=None),
    fields("metadata-name-invalid", Name="de mo"),
    fields("metadata-name-mismatch", "Demo", Name="other"),
    fields("metadata-version-missing", Version=None),
    fields("metadata-version-invalid", Version="one"),
    fields("metadata-version-mismatch", "1.0.0", Version="1.1"),
    fields("metadata-requires-python", ">=3.9", Requires_Python="snake"),
    fields("requires-python-wildcard", ">=3.6,!=3.8.*", Requires_Python=">=3.6.*, !=3.8.*"),
    fields("metadata-field-unknown", Colour="blue"),
    fields("metadata-field-too-new", None, Metadata_Version="1.2", Description_Content_Type="text/plain"),
    {
        "code": "license-file-early",
        "fields": {"License-File": "LICENSE", "Metadata-Version": "2.1"},
        "members": {"demo-1.0.dist-info/LICENSE": b"MIT"},
        "twin": {
            "fields": {"License-File": "LICENSE", "Metadata-Version": "2.4"},
            "members": {"demo-1.0.dist-info/licenses/LICENSE": b"MIT"},
        },
    },
    fields("metadata-field-repeated", "MIT", License=["MIT", "BSD"]),
    fields("metadata-ambiguous", ["demo"], Name=["demo", "other"]),
    fields("metadata-ambiguous", ">=3", Requires_Python=[">=3", ">=4"]),
    fields("metadata-ambiguous", "x\r\n    y", Platform="x\rRequires-Dist: other"),
    fields("metadata-ambiguous", "x\r    y", Platform="x\r\rRequires-Dist: other"),
    fields("metadata-ambiguous", "x\n Requires-Dist : other", Platform="x\nRequires-Dist : other"),
    fields("metadata-ambiguous", "x\n    this is no field", Platform="x\nthis is no field\nRequires-Dist: other"),
    *(
        {"code": "metadata-ambiguous", "members": {"demo-1.0.dist-info/METADATA": line + core_metadata()}}
        for line in (b"From nobody\n", b"  indented: x\n")
    ),
    fields("metadata-field-invalid", "test", Provides_Extra="not an extra"),
    fields("metadata-field-invalid", "demo", {"Metadata-Version": "2.5"}, Import_Name="de-mo"),
    fields("metadata-field-invalid", "x" * 9000, Keywords="ok", Platform="x" * 11_000),
    fields("metadata-encoding", "J\u00fcrgen", Author="J\udcfcrgen"),
    fields("metadata-name-invalid", " demo", Name="demo "),
    fields("metadata-name-invalid", "demo", Name="demo\u00a0"),
    fields("metadata-version-invalid", "1.0 \t", Version="1.0\u00a0"),
    *(
        fields("requires-python-unsupported", sound, Requires_Python=text)
        for text, sound in (("===foo", "===3.9"), ("===3.*", "==3.*"), (">=3,,<4", ">=3,<4"), (",>=3", ">=3,"))
    ),
    fields("requires-python-unsupported", f"<{2**64 - 2}", Requires_Python=f"<{2**64 - 1}"),
    *(
        fields("requirement-unsupported", sound, Requires_Dist=text)
        for text, sound in (
            ("other===bar", "other===1.0"),
            (f"other<1.{2**64}", "other<1.99"),
            ('other; python_version~="3"', 'other; python_version~="3.9"'),
            ('other; os_name~="posix"', 'other; os_name=="posix"'),
            ('other; python_version>="3.x"', 'other; python_version in "3.9 3.11"'),
            ('other; "3.x" < python_version', 'other; "3.9" < python_version'),
            ('other; python_version>"3" and (os_name=="nt" or "x" in extra)', 'other; extra != "x"'),
        )
    ),
    fields("metadata-control-character", "a tab\t between", Author="\x1b[2J"),
    fields("metadata-control-character", "\u05d0 right to left", Summary="bell\a"),
    fields("metadata-control-character", Summary="a command in one character \x9b2J"),
    fields("metadata-control-character", License="\x90"),
    fields("metadata-control-character", Summary="don\x92t"),
    fields("metadata-control-character", Summary="a turned \u202eline"),
    fields("summary-multiline", "one line", Summary="two\n   lines"),
    fields("summary-too-long", "x" * 512, Summary="x" * 513),
    fields("email-invalid", "Jane <jane@example.org>, joe@example.org", Author_email="jane at example.org"),
    fields("email-invalid", "jane@example.org", Maintainer_email="jane@localhost"),
    fields("email-invalid", Author_email="x" * 3000),
    fields("classifier-unknown", "Programming Language :: Python", Classifier="Programming Language :: Snake"),
    fields("classifier-deprecated", Classifier="Natural Language :: Ukranian"),
    fields("classifier-private", Classifier="Private :: Do Not Upload"),
    fields("url-invalid", "https://example.org/", Home_page="example dot org"),
    fields("url-invalid", "Docs, https://example.org/", Project_URL="Docs, javascript:alert(1)"),
    fields("url-label-invalid", "Docs, https://example.org/", Project_URL="https://example.org/"),
    fields("url-label-invalid", Project_URL=["Docs, https://a.example/", "Docs, https://b.example/"]),
    fields("provides-dist-invalid", "other (1.0)", Provides_Dist="not a name"),
    fields("requirement-invalid", "other>=1", Requires_Dist="other=>1"),
    fields("requirement-invalid", Requires_Dist="other; " + "(" * 5000),
    fields("requirement-direct", "other", Requires_Dist="other @ https://example.org/other.whl"),
    fields("dynamic-invalid", "Summary", {"Metadata-Version": "2.2"}, Dynamic="Name"),
    fields("license-conflict", None, V4, License_Expression="MIT", License="MIT"),
    fields("license-expression-invalid", "MIT OR Apache-2.0", V4, License_Expression="MIT or so"),
    fields("description-content-type-invalid", "text/markdown", Description_Content_Type="text/html"),
    {
        "code": "version-local",
        "filename": "demo-1.0+local-py3-none-any.whl",
        "version": "1.0+local",
        "twin": {"filename": "demo-1.0.post1-py3-none-any.whl", "version": "1.0.post1"},
    },
    {
        "code": "readme-unrenderable",
        "body": ".. raw:: html\n\n   <script>alert(1)</script>\n",
        "fields": {"Description-Content-Type": "text/x-rst"},
        "twin": {"body": "A *sound* description.\n"},
    },
)

"""What we only warn of although a specification forbids it: each leniency with the reason for it.

A code that stands in LENIENCIES is told at level `warn`, every other one at `refuse`; the policy's profiles may weigh
it otherwise. Something comes in here only when honest archives in real use need it.
"""

from __future__ import annotations

from eggwatch.model.verdicts import Level

LENIENCIES: dict[str, str] = {
    "zip-data-descriptor": "streaming writers (poetry before 1.0, zip on a pipe) leave them; ours are compared",
    "wheel-bytecode": "honest wheels have it: of projects without sources, and packed by hand after a first import",
    "zip-repeated-member": "the same bytes under the same name: whichever is taken, pip and uv install the same",
    "zip-name-spelling": "pip and uv leave empty and '.' parts out; where two members come to one file, it is refused",
    "zip-mode": "a folder by its name and a file by its mode, or the reverse: pip and uv go by the name",
    "zip-comment": "no reader acts on it, and some archivers sign with one",
    "dist-info-installer": "pip and uv write their own over them, or keep direct_url.json alike",
    "wheel-tags-mismatch": "installers choose by the filename; 'wheel tags' 0.40 and 0.41 hid the tags (cmake 3.27.2)",
    "wheel-build-mismatch": "installers go by the filename",
    "record-unlisted-member": "pip and uv install by the zip, and don't compare RECORD with it",
    "record-stray-entry": "skbuild listed folders (cmake 3.27.2); pip and uv install by the zip",
    "record-duplicate-entry": "pip and uv install by the zip, and don't compare RECORD with it",
    "record-hash-missing": "old tools left out hashes of .pyc files, and sizes; pip and uv verify neither",
    "record-hash-weak": "pip and uv don't verify hashes of RECORD",
    "record-hash-mismatch": "edited after the build (decord 0.6.0); a sound CRC says that it is not damaged",
    "record-size-mismatch": "edited after the build (decord 0.6.0); a sound CRC says that it is not damaged",
    "windows-name": "archives for Linux may have such names, as test data of sdists has; nothing is overwritten",
    "tar-mode": "pip and tarfile's data filter set permissions of their own",
    "sdist-no-pyproject": "setuptools alone needs none; every sdist before PEP 517 (2017) lacks it",
    "metadata-version-withdrawn": "wheel 0.24 to 0.30 wrote 2.0 for three years (six 1.11, requests 2.18)",
    "metadata-version-newer": "a minor version ahead of packaging only adds fields (core metadata, Metadata-Version)",
    "requires-python-wildcard": "setuptools took '>=3.6.*' until 2023; pip ignores it and installs, uv reads '>=3.6'",
    "metadata-field-unknown": "readers skip fields that they don't know, and build tools add some of their own",
    "metadata-field-too-new": "a field that came later is understood by whoever knows it, and skipped by others",
    "license-file-early": "setuptools and wheel wrote License-File into 2.1 before it was standard (six 1.17.0)",
    "metadata-field-repeated": "old distutils repeated Author or License; no installer reads these fields",
    "summary-multiline": "distutils folded a long Summary into several lines (zope.interface, old twisted)",
    "summary-too-long": "a limit of PyPI's database, not of the format",
    "email-invalid": "it used to be custom to write 'jane at example.org'; nobody is mailed",
    "classifier-unknown": "the list grows each month, and an old list must not refuse what a new one allows",
    "classifier-deprecated": "classifiers are renamed, and archives never change",
    "classifier-private": "it is there to keep a project off PyPI, and a private index is where it belongs",
    "url-invalid": "setup.py takes any text for a URL; pages don't link them",
    "url-label-invalid": "a limit of PyPI's pages",
    "provides-dist-invalid": "no installer acts on Provides-Dist and Obsoletes-Dist",
    "requirement-direct": "in-house projects pin neighbours by URL; pip installs it, and says what it fetches",
    "description-content-type-invalid": "shown as plain text; 'text/x-markdown' was common before PEP 566",
    "readme-unrenderable": "the description is shown as plain text",
}
"""Code → why it does not refuse."""

MILDER_CASES: dict[str, str] = {
    "dist-info-ambiguous": "an .egg-info beside the dist-info (suds-community 0.8.5): pip and uv install both, and go "
    "by the dist-info",
    "wheel-file-invalid": "what neither pip nor uv reads, like tags that are none; or what both take for the default",
    "wheel-version-unsupported": "Wheel-Version 0.x, which pip and uv take",
    "wheel-collision": "equal bytes, or one program in the data folder and in entry points (qtconsole 5.3.0): pip and "
    "uv install the latter",
    "entry-points-invalid": "names with '+' or '@', and long lines of plugins: pip and uv install both alike",
    "record-invalid": "the right hash in hex or with '=', or more than three columns: pip and uv don't look",
    "metadata-ambiguous": "in an sdist before metadata 2.2 (passlib 1.7.4), whose fields nobody resolves by",
    "requirement-invalid": "in an sdist before metadata 2.2, whose dependencies installers ask the build for",
    "requirement-unsupported": "in an sdist before metadata 2.2, whose dependencies installers ask the build for",
    "metadata-control-character": "characters that mistaken encodings left, and those of right-to-left scripts",
    "metadata-encoding": "in sdists distutils wrote the author in the encoding of the builder's locale",
    "license-file-missing": "before metadata 2.4 nothing said where it lies, setuptools 56 to 76 and poetry listed "
    "files that they did not pack, and twine leaves the field out of what it tells PyPI",
    "tar-duplicate-member": "two copies of the same bytes, which build tools write that collect files by patterns "
    "(pyarrow's LICENSE.txt), or the same link twice: whichever is taken, it is the same",
    "tar-malformed": "some global pax headers in a row, or a pax length with zeros in front: pip and uv take both",
    "zip-flags": "bits that are reserved or unknown: pip and uv look at none of them",
    "zip-name-invisible": "a line separator: installer alone parts RECORD there, pip and uv install the wheel alike",
    "sdist-top-folder": "one folder, and only spelled otherwise than the filename: Demo.Pkg-1.0 (old setuptools, flit)",
}
"""Code → the case of it that is told at level `warn` and refuses in the profile strict only."""


def level_of(code: str) -> Level:
    """The level at which this package tells a flaw."""
    return Level.WARN if code in LENIENCIES else Level.REFUSE

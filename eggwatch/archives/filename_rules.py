"""Rules for filenames that could be parsed: spelling, local version, tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from packaging.tags import Tag

from eggwatch.model.codes import Code
from eggwatch.model.names import Filename, Kind, size_flaws
from eggwatch.model.verdicts import Flaw, Level


def spelling_flaws(filename: Filename) -> tuple[Flaw, ...]:
    """Warn if the filename is not normalised, as older tools wrote it (PEP 625, binary distribution format)."""
    if filename.text == filename.expected:
        return ()
    return (
        Flaw(
            code=Code.FILENAME_NOT_NORMALIZED,
            subject=filename.text,
            level=Level.WARN,
            message=f"The normalised filename is {filename.expected}, which current build tools write.",
        ),
    )


def filename_flaws(filename: Filename) -> tuple[Flaw, ...]:
    """All flaws of a filename that could be parsed (PyPI's F6 to F11, M2)."""
    return (*spelling_flaws(filename), *size_flaws(filename), *_local_flaws(filename), *_tag_flaws(filename))


def _local_flaws(filename: Filename) -> Iterator[Flaw]:
    if filename.version.local is not None:
        message = (
            f"{filename.version} is a local version (PEP 440), which PyPI rejects; a private index may have it. "
            "Remove the '+' and what follows it to publish it elsewhere."
        )
        yield Flaw(code=Code.VERSION_LOCAL, subject=filename.text, message=message, level=Level.WARN)


def _tag_flaws(filename: Filename) -> Iterator[Flaw]:
    if filename.kind is not Kind.WHEEL:
        return
    tags = "-".join(filename.text[: -len(".whl")].split("-")[-3:])
    if tags != tags.lower():
        message = f"uv can't install it, because its tags, {tags}, are not in lower case; pip can. Build it again."
        yield Flaw(code=Code.FILENAME_TAGS_UPPERCASE, subject=filename.text, message=message)
    # In one compressed set.
    parts = [part.lower().split(".") for part in filename.text[: -len(".whl")].split("-")[-3:]]
    repeated = sorted({tag for part in parts for tag in part if part.count(tag) > 1})
    if repeated:
        message = f"The tags {', '.join(repeated)} occur twice. Build it again with a current build tool."
        yield Flaw(code=Code.FILENAME_TAGS_REPEATED, subject=filename.text, message=message, level=Level.WARN)
    yield from tag_flaws(filename.text, filename.tags)


_PYTHON = re.compile(r"py[0-9]{1,4}|cp[0-9]{1,4}|pp[0-9]{1,4}|ip[0-9]{1,4}|jy[0-9]{1,4}|graalpy[0-9]{2,5}")


_ABI = re.compile(r"none|abi3t?|cp[0-9]{2,4}[a-z]{0,3}|pypy[0-9_]+(?:pp)?[0-9]{0,4}|graalpy[0-9_]+(?:native)?")


_GLIBC = r"(?:x86_64|i686|aarch64|armv7l|ppc64|ppc64le|s390x|riscv64|loongarch64)"


_PLATFORMS = (
    r"any|win32|win_arm64|win_amd64|win_ia64",
    r"manylinux1_(?:x86_64|i686)|manylinux2010_(?:x86_64|i686)",
    r"manylinux2014_(?:x86_64|i686|aarch64|armv7l|ppc64|ppc64le|s390x)",
    rf"manylinux_[0-9]+_[0-9]+_{_GLIBC}|musllinux_[0-9]+_[0-9]+_{_GLIBC}",
    r"linux_armv[67]l",
    r"macosx_(?:10_[0-9]+|1[1-5]_0|2[6-9]_0)_(?:ppc|ppc64|i386|x86_64|arm64|intel|fat|fat3|fat64|universal|universal2)",
    r"ios_[0-9]+_[0-9]+_(?:arm64|x86_64)_iphone(?:os|simulator)",
    r"android_[0-9]+_(?:armeabi_v7a|arm64_v8a|x86|x86_64)",
    r"pyemscripten_[0-9]+_[0-9]+_wasm32|pyodide_[0-9]+_[0-9]+_wasm32",
)


_PLATFORM = re.compile("|".join(_PLATFORMS))


_NOT_ON_PYPI = re.compile(
    r"(?:many|musl)linux_.*_loongarch64|musllinux_.*_ppc64|macosx_(?!10_|1[1-5]_|26_).*|pyodide_.*"
)
"""Platforms that installers know and PyPI does not accept yet (its list of August 2026)."""


_OWN_MACHINE = re.compile(r"linux_[a-z0-9_]+")


def tag_flaws(text: str, tags: Iterable[Tag]) -> Iterator[Flaw]:
    """Report each unknown part of the tags once, and platforms of the building machine only."""
    known = list(tags)
    for part in sorted({tag.interpreter for tag in known}):
        if not _PYTHON.fullmatch(part):
            yield _flaw(Code.PYTHON_TAG_UNKNOWN, text, f"The Python tag {part} is unknown; no installer looks for it.")
    for part in sorted({tag.abi for tag in known}):
        if not _ABI.fullmatch(part):
            yield _flaw(Code.ABI_TAG_UNKNOWN, text, f"The ABI tag {part} is unknown; no installer looks for it.")
    for part in sorted({tag.platform for tag in known}):
        if not _PLATFORM.fullmatch(part):
            yield _platform_flaw(text, part)
        elif _NOT_ON_PYPI.fullmatch(part):
            found = f"Installers know the platform tag {part}, but PyPI does not accept it yet."
            yield _flaw(
                Code.PLATFORM_TAG_NEWER, text, f"{found} Build the wheel for an older system to publish it on PyPI."
            )


def _platform_flaw(text: str, part: str) -> Flaw:
    if _OWN_MACHINE.fullmatch(part):
        found = f"The platform tag {part} says nothing about the C library, so PyPI rejects it."
        return _flaw(Code.PLATFORM_TAG_LINUX, text, f"{found} Use auditwheel if the wheel is meant for other machines.")
    found = f"The platform tag {part} is unknown to PyPI and installers; a known one is manylinux_2_28_x86_64."
    return _flaw(Code.PLATFORM_TAG_UNKNOWN, text, f"{found} Build it again with a current build tool.", Level.REFUSE)


def _flaw(code: Code, subject: str, message: str, level: Level = Level.WARN) -> Flaw:
    return Flaw(code=code, subject=subject, message=message, level=level)

"""Small wheels and sdists for tests, made in memory: the same arguments give the same bytes.

Both builders return `(filename, bytes)`. Both archives are what a current build tool writes, so that
`eggwatch check` finds nothing in them, and both hold code that leaves `MARKER` behind if it is ever run.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

MARKER = Path(tempfile.gettempdir()) / "eggwatch-ran-uploaded-code"
"""Exists only if somebody ran or imported what was uploaded (law 6)."""

TRAP = f"import pathlib\npathlib.Path({str(MARKER)!r}).touch()\n"
"""Python source that leaves `MARKER` behind."""

MARKDOWN, RST = "Description-Content-Type: text/markdown\n", "Description-Content-Type: text/x-rst\n"
"""For `metadata_extra`: a README that a process of its own renders. Else it is plain text, and takes no process."""

_EPOCH = (1980, 1, 1, 0, 0, 0)


def normalized(name: str) -> str:
    """A project name as filenames spell it (PEP 427, PEP 625)."""
    return re.sub(r"[-_.]+", "_", name).lower()


def core_metadata(
    name: str = "demo",
    version: str = "1.0",
    *,
    requires_python: str | None = None,
    metadata_extra: str = "",
) -> bytes:
    """METADATA or PKG-INFO; `metadata_extra` is put between the headers, each line ending in a newline."""
    headers = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: The {name} project\n"
    if requires_python is not None:
        headers += f"Requires-Python: {requires_python}\n"
    if "description-content-type:" not in metadata_extra.lower():
        headers += "Description-Content-Type: text/plain\n"
    return f"{headers}{metadata_extra}\nA description of {name}.\n".encode()


def zip_of(members: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip with these members in this order, dated 1980; a name ending in `/` is a folder."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", compression) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_STORED if name.endswith("/") else compression
            mode = 0o100755 if ".data/scripts/" in name.lower() else 0o100644
            entry.external_attr = (0o40755 << 16 | 0x10) if name.endswith("/") else mode << 16
            archive.writestr(entry, content)
    return raw.getvalue()


def tar_of(members: Mapping[str, bytes], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    """An uncompressed tar with these members in this order, dated 1970; a name ending in `/` is a folder."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tar_format) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            entry.mode = 0o755 if name.endswith("/") else 0o644
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


def targz_of(members: Mapping[str, bytes], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    """`tar_of`, compressed with gzip, without a date."""
    return gzip.compress(tar_of(members, tar_format), 6, mtime=0)


def record_line(name: str, content: bytes) -> str:
    """One line of RECORD (PEP 376, PEP 427)."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    quoted = f'"{name.replace(chr(34), chr(34) * 2)}"' if re.search(r'[",\r\n]', name) else name
    return f"{quoted},sha256={digest},{len(content)}\n"


def recorded(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """These members, the RECORD among them made anew, so that it lists what there is."""
    record = next(name for name in members if name.endswith(".dist-info/RECORD"))
    listed = {name: content for name, content in members.items() if not name.endswith("/") and name != record}
    lines = "".join(record_line(*item) for item in listed.items())
    return {**members, record: f"{lines}{record},,\n".encode()}


def wheel_members(
    name: str = "demo",
    version: str = "1.0",
    *,
    requires_python: str | None = None,
    files: Mapping[str, bytes] | None = None,
    metadata_extra: str = "",
    tags: str = "py3-none-any",
) -> dict[str, bytes]:
    """What lies in `wheel(…)`, in order, RECORD last; change it and hand it to `zip_of` for a flawed one."""
    stem = normalized(name)
    info = f"{stem}-{version}.dist-info"
    modules = {f"{stem}/__init__.py": TRAP.encode()} if files is None else files
    lines = "".join(f"Tag: {tag}\n" for tag in _expanded(tags))
    members = {
        **modules,
        f"{info}/METADATA": core_metadata(
            name, version, requires_python=requires_python, metadata_extra=metadata_extra
        ),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: eggwatch\nRoot-Is-Purelib: true\n{lines}".encode(),
    }
    return recorded({**members, f"{info}/RECORD": b""})


def _expanded(tags: str) -> list[str]:
    pythons, abis, platforms = (part.split(".") for part in tags.split("-"))
    return [f"{python}-{abi}-{platform}" for python in pythons for abi in abis for platform in platforms]


def wheel(
    name: str = "demo",
    version: str = "1.0",
    *,
    requires_python: str | None = None,
    files: Mapping[str, bytes] | None = None,
    filename: str | None = None,
    metadata_extra: str = "",
    tags: str = "py3-none-any",
) -> tuple[str, bytes]:
    """A wheel as `(filename, bytes)`; `files` and `filename` stand instead of its one module and its name."""
    members = wheel_members(
        name,
        version,
        requires_python=requires_python,
        files=files,
        metadata_extra=metadata_extra,
        tags=tags,
    )
    return filename or f"{normalized(name)}-{version}-{tags}.whl", zip_of(members)


def sdist_members(
    name: str = "demo",
    version: str = "1.0",
    *,
    requires_python: str | None = None,
    files: Mapping[str, bytes] | None = None,
    metadata_extra: str = "",
) -> dict[str, bytes]:
    """What lies in `sdist(…)`, in order; change it and hand it to `targz_of` for a flawed one."""
    stem = normalized(name)
    top = f"{stem}-{version}"
    modules = {f"{stem}/__init__.py": TRAP.encode()} if files is None else files
    return {
        f"{top}/": b"",
        f"{top}/PKG-INFO": core_metadata(name, version, requires_python=requires_python, metadata_extra=metadata_extra),
        f"{top}/pyproject.toml": (
            f'[build-system]\nrequires = []\n\n[project]\nname = "{name}"\nversion = "{version}"\n'
        ).encode(),
        f"{top}/setup.py": f"{TRAP}from setuptools import setup\n\nsetup()\n".encode(),
        **{f"{top}/{path}": content for path, content in modules.items()},
    }


def sdist(
    name: str = "demo",
    version: str = "1.0",
    *,
    requires_python: str | None = None,
    files: Mapping[str, bytes] | None = None,
    filename: str | None = None,
    metadata_extra: str = "",
) -> tuple[str, bytes]:
    """An sdist as `(filename, bytes)`; `files` and `filename` stand instead of its module and its name."""
    members = sdist_members(name, version, requires_python=requires_python, files=files, metadata_extra=metadata_extra)
    return filename or f"{normalized(name)}-{version}.tar.gz", targz_of(members)

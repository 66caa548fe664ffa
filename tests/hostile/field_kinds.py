"""Wheels of kinds that teams have in stock, by what is odd about them: some install alike, of others it depends.

The name of each says what it is; `ALIKE` are published with a warning, `REFUSED` are not, and say who can't install
them, or for whom they become something else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping

from tests.archive_factory import core_metadata, recorded, wheel_members

Members = dict[str, bytes]
Lines = list[str]

_FIRST = ("Wheel-Version: 1.0", "Generator: by hand", "Root-Is-Purelib: true")
_PROGRAM = b"[console_scripts]\nfrob = {}:main\n"


class Kind:
    """A wheel that is odd in one way, as project `name`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.info, self.data = f"{name}-1.0.dist-info", f"{name}-1.0.data"
        self.code, self.members = f"{name}/__init__.py", wheel_members(name)

    def adding(self, more: Mapping[str, bytes]) -> Members:
        """With other members, which RECORD lists."""
        return recorded({**self.members, **more})

    def wheel_file(self, *lines: str) -> Members:
        """With a WHEEL of these lines."""
        return self.adding({f"{self.info}/WHEEL": "".join(f"{line}\n" for line in lines).encode()})

    def record(self, change: Callable[[Lines], Lines]) -> Members:
        """With another RECORD."""
        lines = change(self.members[f"{self.info}/RECORD"].decode().splitlines())
        return {**self.members, f"{self.info}/RECORD": "".join(f"{line}\n" for line in lines).encode()}

    def hashed(self, digest: str) -> Members:
        """With this hash of the module in RECORD."""
        return self.record(lambda lines: [f"{self.code},{digest},{len(self._source())}", *lines[1:]])

    def program(self, place: str, name: str = "frob") -> Members:
        """With a program `frob` of entry points, and another in the data folder."""
        entries = _PROGRAM.replace(b"{}", self.name.encode())
        script = b"#!/bin/sh\n"
        return self.adding({f"{self.info}/entry_points.txt": entries, f"{self.data}/{place}/{name}": script})

    def twice(self, first: str, second: str, *contents: bytes) -> Members:
        """With two members at one path."""
        return self.adding(dict(zip((first.format(self.data), second.format(self.data)), contents, strict=True)))

    def metadata(self, more: str) -> Members:
        """With more fields in METADATA."""
        return self.adding({f"{self.info}/METADATA": core_metadata(self.name, metadata_extra=more)})

    def _source(self) -> bytes:
        return self.members[self.code]

    def digest(self, algorithm: str = "sha256") -> bytes:
        """The module's own hash."""
        return hashlib.new(algorithm, self._source()).digest()


def _spelled(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode()


TAG = "Tag: py3-none-any"
ALIKE: dict[str, tuple[str, Callable[[Kind], Members]]] = {
    "tags after an empty line": ("wheel-tags-mismatch", lambda kind: kind.wheel_file(*_FIRST, "", "Build: 1", TAG)),
    "no tags": ("wheel-tags-mismatch", lambda kind: kind.wheel_file(*_FIRST)),
    "other tags": ("wheel-tags-mismatch", lambda kind: kind.wheel_file(*_FIRST, "Tag: cp36-cp36m-linux_x86_64")),
    "tags on a continuation line": (
        "wheel-tags-mismatch",
        lambda kind: kind.wheel_file(*_FIRST, "Tag: py2-none-any", " py3-none-any"),
    ),
    "empty tags": ("wheel-file-invalid", lambda kind: kind.wheel_file(*_FIRST, "Tag: ", "Tag: -any")),
    "another build": ("wheel-build-mismatch", lambda kind: kind.wheel_file(*_FIRST, TAG, "Build: 7")),
    "no Root-Is-Purelib": ("wheel-file-invalid", lambda kind: kind.wheel_file("Wheel-Version: 1.0", TAG)),
    "Wheel-Version 0.1": (
        "wheel-version-unsupported",
        lambda kind: kind.wheel_file("Wheel-Version: 0.1", _FIRST[2], TAG),
    ),
    "Wheel-Version 1.0.0": (
        "wheel-file-invalid",
        lambda kind: kind.wheel_file("Wheel-Version: 1.0.0", _FIRST[2], TAG),
    ),
    "a plus sign before a size": (
        "record-invalid",
        lambda kind: kind.record(lambda lines: [",+".join(line.rsplit(",", 1)) for line in lines[:1]] + lines[1:]),
    ),
    "the same Name and Requires-Python twice": (
        "metadata-field-repeated",
        lambda kind: kind.metadata(f"Name: {kind.name}\nRequires-Python: >=3\nRequires-Python: >=3\n"),
    ),
    "programs called a+b and a@b": (
        "entry-points-invalid",
        lambda kind: kind.adding(
            {f"{kind.info}/entry_points.txt": b"[console_scripts]\na+b = demo:main\na@b = demo:main\n"}
        ),
    ),
    "a long line of plugins": (
        "entry-points-invalid",
        lambda kind: kind.adding({f"{kind.info}/entry_points.txt": b"[plugins]\nx = " + b"y" * 1500 + b"\n"}),
    ),
    "folders in RECORD": (
        "record-stray-entry",
        lambda kind: kind.record(lambda lines: [*lines, f"{kind.name}/,,", f"{kind.info}/,,"]),
    ),
    "a file that was taken out": (
        "record-stray-entry",
        lambda kind: kind.record(lambda lines: [*lines, f"{kind.name}/gone.py,sha256=abc,3"]),
    ),
    "a whole folder of a package that was taken out": (
        "record-stray-entry",
        lambda kind: kind.record(lambda lines: [*lines, f"{kind.name}/gone/,,", f"{kind.name}/gone/x/y.py,,"]),
    ),
    "a file named as the project that was taken out": (
        "record-stray-entry",
        lambda kind: kind.record(lambda lines: [*lines, f"{kind.name}.py,,", f"{kind.name}-1.0.data/scripts/x,,"]),
    ),
    "a file that was put in": ("record-unlisted-member", lambda kind: kind.record(lambda lines: lines[1:])),
    "paths with a leading slash": (
        "record-stray-entry",
        lambda kind: kind.record(lambda lines: [f"/{line}" for line in lines]),
    ),
    "paths with './'": ("record-stray-entry", lambda kind: kind.record(lambda lines: [f"./{line}" for line in lines])),
    "paths with backslashes": (
        "record-stray-entry",
        lambda kind: kind.record(lambda lines: [line.replace("/", "\\", 1) for line in lines[:1]] + lines[1:]),
    ),
    "hashes in hex": ("record-invalid", lambda kind: kind.hashed(f"sha256={kind.digest().hex()}")),
    "hashes with '='": ("record-invalid", lambda kind: kind.hashed(f"sha256={_spelled(kind.digest())}")),
    "a hash by md5": ("record-hash-weak", lambda kind: kind.hashed(f"md5={kind.digest('md5').hex()}")),
    "no hash": ("record-hash-missing", lambda kind: kind.hashed("")),
    "no sizes": (
        "record-hash-missing",
        lambda kind: kind.record(lambda lines: [f"{line.rpartition(',')[0]}," for line in lines]),
    ),
    "four columns": ("record-invalid", lambda kind: kind.record(lambda lines: [f"{line},x" for line in lines])),
    "an edited file": ("record-hash-mismatch", lambda kind: kind.hashed(f"sha256={_spelled(bytes(32)).rstrip('=')}")),
    "another size": (
        "record-size-mismatch",
        lambda kind: kind.record(lambda lines: [f"{line}1" for line in lines[:1]] + lines[1:]),
    ),
    "a line twice": ("record-duplicate-entry", lambda kind: kind.record(lambda lines: [lines[0], *lines])),
    "a program in scripts and in entry points": ("wheel-collision", lambda kind: kind.program("scripts")),
    "equal bytes in root and platlib": (
        "wheel-collision",
        lambda kind: kind.twice("x.py", "{}/platlib/x.py", b"1", b"1"),
    ),
    "equal bytes in purelib and platlib": (
        "wheel-collision",
        lambda kind: kind.twice("{}/purelib/x.py", "{}/platlib/x.py", b"1", b"1"),
    ),
    "an egg-info": (
        "dist-info-ambiguous",
        lambda kind: kind.adding({f"{kind.name}.egg-info/PKG-INFO": core_metadata(kind.name)}),
    ),
    "an INSTALLER": ("dist-info-installer", lambda kind: kind.adding({f"{kind.info}/INSTALLER": b"apt\n"})),
    "a licence file that is not there": (
        "license-file-missing",
        lambda kind: kind.adding(
            {
                f"{kind.info}/METADATA": core_metadata(kind.name, metadata_extra="License-File: LICENSE\n").replace(
                    b"Metadata-Version: 2.1", b"Metadata-Version: 2.4"
                )
            }
        ),
    ),
}
"""By kind: the code that warns of it, and the wheel."""

REFUSED: dict[str, tuple[str, Callable[[Kind], Members], str]] = {
    "no Wheel-Version": ("wheel-file-invalid", lambda kind: kind.wheel_file(_FIRST[2], TAG), "neither"),
    "Wheel-Version 1": ("wheel-file-invalid", lambda kind: kind.wheel_file("Wheel-Version: 1", _FIRST[2], TAG), "pip"),
    "Wheel-Version 2.0": (
        "wheel-version-unsupported",
        lambda kind: kind.wheel_file("Wheel-Version: 2.0", _FIRST[2], TAG),
        "neither",
    ),
    "two columns": (
        "record-invalid",
        lambda kind: kind.record(lambda lines: [line.rpartition(",")[0] for line in lines]),
        "pip",
    ),
    "a size that is no number": (
        "record-invalid",
        lambda kind: kind.record(lambda lines: [line.rpartition(",")[0] + ", 5" for line in lines]),
        "pip",
    ),
    "Root-Is-Purelib TRUE": (
        "wheel-file-invalid",
        lambda kind: kind.wheel_file(_FIRST[0], "Root-Is-Purelib: TRUE", TAG),
        "both",
    ),
    "a file of another project in RECORD": (
        "record-unsafe-path",
        lambda kind: kind.record(lambda lines: [*lines, "pip/__init__.py,,"]),
        "both",
    ),
    "a folder of another project in RECORD": (
        "record-unsafe-path",
        lambda kind: kind.record(lambda lines: [*lines, "pip/,,"]),
        "both",
    ),
    "a file of a shared namespace in RECORD": (
        "record-unsafe-path",
        lambda kind: {
            **kind.adding({"shared/mine/x.py": b""}),
            **kind.record(lambda lines: [*lines, "shared/theirs/x.py,,"]),
        },
        "both",
    ),
    "a program in data/bin called as an interpreter": (
        "script-unsupported",
        lambda kind: kind.adding({f"{kind.data}/data/bin/python3.9": b"#!python\n"}),
        "pip",
    ),
    "metadata of another project": (
        "dist-info-ambiguous",
        lambda kind: kind.adding({"requests-99.0.egg-info/PKG-INFO": b"Name: requests\nVersion: 99.0\n"}),
        "both",
    ),
    "a Requires-Python with ~= and a star": (
        "metadata-requires-python",
        lambda kind: kind.metadata("Requires-Python: ~=3.6.*\n"),
        "pip",
    ),
    "a program in data/bin and in entry points": ("wheel-collision", lambda kind: kind.program("data/bin"), "differ"),
    "a folder in scripts": (
        "wheel-data-folder",
        lambda kind: kind.adding({f"{kind.data}/scripts/folder/x": b"#!python\n"}),
        "pip",
    ),
    "an unknown folder in data": (
        "wheel-data-folder",
        lambda kind: kind.adding({f"{kind.data}/etc/x": b""}),
        "neither",
    ),
    "a requirement that only uv reads": (
        "requirement-invalid",
        lambda kind: kind.metadata("Requires-Dist: other (>=1.0.*)\n"),
        "uv",
    ),
    "a Requires-Python that only pip takes": (
        "metadata-requires-python",
        lambda kind: kind.metadata("Requires-Python: whatever\n"),
        "pip",
    ),
}
"""By kind: the code that refuses it, the wheel, and who installs it: pip, uv, neither, or both and they differ."""

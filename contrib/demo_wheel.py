"""Writes a sample wheel: `demo_wheel.py FOLDER` prints its path. The bytes are the same every time."""

from __future__ import annotations

import base64
import hashlib
import sys
import zipfile
from pathlib import Path

NAME, VERSION = "eggwatch_demo", "1.0"
INFO = f"{NAME}-{VERSION}.dist-info"
MEMBERS = {
    f"{NAME}.py": 'if __name__ == "__main__":\n    print("It works: this came out of your drop folder.")\n',
    f"{INFO}/METADATA": (
        f"Metadata-Version: 2.1\nName: eggwatch-demo\nVersion: {VERSION}\n"
        "Summary: A sample package to try an index with\nRequires-Python: >=3.8\n"
    ),
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: eggwatch\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}


def record() -> str:
    """RECORD: every member with its sha256 and size, and RECORD itself without them."""
    lines = []
    for name, text in MEMBERS.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(text.encode())}\n")
    return "".join([*lines, f"{INFO}/RECORD,,\n"])


def write(folder: Path) -> Path:
    """Write the wheel into `folder`, which is created if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {**MEMBERS, f"{INFO}/RECORD": record()}.items():
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.external_attr = 0o100644 << 16
            wheel.writestr(member, text)
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{write(Path(sys.argv[1]))}\n")

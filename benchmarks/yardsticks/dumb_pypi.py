"""dumb-pypi with a script that gives it what its pages need: hash, Requires-Python and metadata of each archive.

    python benchmarks/yardsticks/dumb_pypi.py DROP OUT PROGRAM

PROGRAM is the `dumb-pypi` of some environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ideal import describe


def entry(path: Path, out: Path) -> dict[str, object]:
    """What dumb-pypi wants to know of one archive."""
    said = describe(path, out)
    hashes, core = said["hashes"], said["core-metadata"]
    assert isinstance(hashes, dict) and isinstance(core, dict)
    return {
        "filename": path.name,
        "hash": f"sha256={hashes['sha256']}",
        "requires_python": said["requires-python"],
        "core_metadata": f"sha256={core['sha256']}",
    }


def main() -> None:
    """Write the list, and run dumb-pypi over it."""
    drop, out, program = map(Path, sys.argv[1:4])
    (out / "files").mkdir(parents=True)
    names = sorted(name for name in os.listdir(drop) if name.endswith((".whl", ".tar.gz")))
    listed = out / "packages.json-lines"
    listed.write_text("".join(json.dumps(entry(drop / name, out)) + "\n" for name in names))
    options = ["--package-list-json", listed, "--packages-url", "../../files", "--output-dir", out]
    subprocess.run([program, *options], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()

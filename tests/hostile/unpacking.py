"""What pip and uv make of an sdist: the tree that each unpacks before it builds, or why it does not get so far.

Nothing is built: pip's own code unpacks in a process of its own, and uv takes name and version from a PKG-INFO of
metadata 2.2 once it has unpacked the archive into its cache. So both are shown archives with such a PKG-INFO.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.archive_factory import core_metadata
from tests.installers import uv

Tree = dict[str, bytes | str | None]
"""What is unpacked, by path below the top folder: a file's bytes (with `x` in front if it may be run), a link's
target, None for a folder."""

STATIC = core_metadata().replace(b"Metadata-Version: 2.1", b"Metadata-Version: 2.2")
"""A PKG-INFO that uv believes without building."""

_PIP = """
import json, os, shutil, sys
from pip._internal.utils.misc import is_installable_dir
from pip._internal.utils.unpacking import unpack_file

for line in sys.stdin:
    archive = json.loads(line)
    folder = archive + ".pip"
    try:
        unpack_file(archive, folder)
        told = None if is_installable_dir(folder) else "it is not installable: no pyproject.toml or setup.py found"
    except BaseException as error:
        told = f"{type(error).__name__}: {error}"
    print(json.dumps([archive, told]), flush=True)
"""


def by_pip(paths: list[Path]) -> dict[Path, Tree | str]:
    """What pip unpacks each archive to, or its error."""
    lines = "".join(json.dumps(str(path)) + "\n" for path in paths)
    done = subprocess.run(
        [sys.executable, "-c", _PIP], input=lines, capture_output=True, text=True, check=True, timeout=300
    )
    told = {Path(path): error for path, error in map(json.loads, done.stdout.splitlines())}
    return {path: told[path] or tree(Path(f"{path}.pip")) for path in paths}


def by_uv(paths: list[Path]) -> dict[Path, Tree | str]:
    """What uv unpacks each archive to, or its error."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(paths, pool.map(_by_uv, paths), strict=True))


def _by_uv(path: Path) -> Tree | str:
    home = Path(f"{path}.uv")
    options = ("--quiet", "--no-deps", "--no-index", "--offline", "--dry-run")
    done = uv(home, "pip", "install", *options, "--python", sys.executable, str(path))
    if done.returncode:
        return done.stderr.strip() or f"exit status {done.returncode}"
    sources = list((home / "uv-cache").glob("sdists-*/path/*/*/src"))
    assert len(sources) == 1, (path, sources, done.stderr)
    return tree(sources[0])


def tree(folder: Path) -> Tree:
    """What lies below a folder."""
    return {os.fsdecode(os.path.relpath(path, folder)): _what(path) for path in folder.rglob("*")}


def _what(path: Path) -> bytes | str | None:
    if path.is_symlink():
        return os.path.normpath(path.readlink())
    if path.is_dir():
        return None
    return (b"x" if path.stat().st_mode & 0o100 else b"-") + path.read_bytes()


def both(archives: Mapping[str, bytes], folder: Path, filename: str) -> dict[str, tuple[Tree | str, Tree | str]]:
    """What pip and what uv say of each archive, by its key; each is written below `folder` under this filename."""
    paths = {key: folder / str(number) / filename for number, key in enumerate(archives)}
    for key, path in paths.items():
        path.parent.mkdir(parents=True)
        path.write_bytes(archives[key])
    pips, uvs = by_pip(list(paths.values())), by_uv(list(paths.values()))
    return {key: (pips[path], uvs[path]) for key, path in paths.items()}

"""Wheels as they are installed by the commands pip and uv, metadata and dependencies among it."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.archive_factory import wheel
from tests.hostile.installing import differences, installed
from tests.installers import uv

_PIP = """
import json, os, sys
from pip._internal.cli.main import main
import pip._internal.commands.install, pip._internal.resolution.resolvelib.resolver
for wheel, prefix, links in json.load(sys.stdin):
    out, into = os.pipe()
    if not os.fork():
        os.dup2(into, 1), os.dup2(into, 2)
        options = ["-qq", "--no-cache-dir", "--disable-pip-version-check", "--no-index", "--find-links", links]
        try:
            code = main(["install", *options, "--ignore-installed", "--no-compile", "--prefix", prefix, wheel])
        except BaseException as error:
            print(repr(error), flush=True)
            code = 1
        os._exit(code and 1)
    os.close(into)
    said = open(out, "rb").read().decode("utf-8", "replace")
    failed = os.waitstatus_to_exitcode(os.wait()[1])
    print(json.dumps([wheel, said or "it failed" if failed else ""]), flush=True)
"""


def outcomes(wheels: list[tuple[str, bytes]], folder: Path) -> list[tuple[str, str, list[str]]]:
    """What pip and uv say of each wheel, nothing if they install it, and in what their trees differ."""
    links, paths = folder / "links", []
    links.mkdir()
    (links / wheel("other")[0]).write_bytes(wheel("other")[1])
    for number, (filename, data) in enumerate(wheels):
        paths.append(folder / str(number) / filename)
        paths[-1].parent.mkdir()
        paths[-1].write_bytes(data)
    jobs = json.dumps([[str(path), str(path.parent / "pip"), str(links)] for path in paths])
    command = [sys.executable, "-c", _PIP]
    done = subprocess.run(command, input=jobs, capture_output=True, text=True, check=True, timeout=600)
    by_pip = dict(map(json.loads, done.stdout.splitlines()))
    with ThreadPoolExecutor(2) as pool:
        by_uv = list(pool.map(lambda path: _uv(path, links), paths))
    return [
        (by_pip[str(path)], said, [] if said or by_pip[str(path)] else _differences(path.parent))
        for path, said in zip(paths, by_uv, strict=True)
    ]


def _uv(path: Path, links: Path) -> str:
    options = ("--quiet", "--no-index", "--offline", "--link-mode", "copy", "--find-links", str(links))
    prefix = str(path.parent / "uv")
    home = path.parent / "home"
    done = uv(home, "pip", "install", *options, "--python", sys.executable, "--prefix", prefix, str(path))
    return (done.stderr or "it failed") if done.returncode else ""


def _differences(folder: Path) -> list[str]:
    pips, uvs = (installed(folder / name, ()) for name in ("pip", "uv"))
    for tree in (pips, uvs):
        for path in [path for path in tree if "/other" in path]:
            del tree[path]
    modes = [
        path
        for path in pips.keys() & uvs.keys()
        if path.startswith("bin/")
        and len({(folder / name / path).stat().st_mode & 0o111 for name in ("pip", "uv")}) > 1
    ]
    # Each writes the programs of entry points in its own way.
    return [*(found for found in differences(pips, uvs) if not found.startswith("!bin/")), *modes]

"""Whatever current pip or uv can't install, or the two install otherwise, is refused by a verdict that names one."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from eggwatch.model.verdicts import Level
from tests.archive_factory import wheel
from tests.archives.judging import WHEEL, judge
from tests.hostile.building import INFO, build
from tests.hostile.installing import differences, installed
from tests.hostile.wheel_mutations import mutated
from tests.installers import uv

SAMPLE = 20
"""Mutations tried in each run; by command as many as one likes."""

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
    pips, uvs = (installed(folder / name, ["x"]) for name in ("pip", "uv"))
    for tree in (pips, uvs):
        for path in [path for path in tree if "/other" in path]:
            del tree[path]
    modes = [
        path
        for path in pips.keys() & uvs.keys()
        if path.startswith("bin/")
        and len({(folder / name / path).stat().st_mode & 0o111 for name in ("pip", "uv")}) > 1
    ]
    return [*differences(pips, uvs), *modes]


def _metadata(lines: str) -> dict[str, object]:
    return {
        "members": {f"{INFO}/METADATA": f"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n{lines}".encode("latin-1")}
    }


def _wheel_file(text: str) -> dict[str, object]:
    return {"members": {f"{INFO}/WHEEL": text.encode()}}


TAG = "Tag: py3-none-any\n"
FAIL = {
    "author": ("pip", _metadata("Author: \xff\n")),
    "no version": ("uv", _metadata("Requires-Dist: other===foo; python_version < '3'\n")),
    "large": ("uv", _metadata(f"Requires-Python: <{2**64 - 1}\n")),
    "commas": ("uv", _metadata("Requires-Python: >=3,,<4\n")),
    "dependency": ("uv", _metadata("Requires-Dist: other===bar; extra == 'x'\n")),
    "path": ("uv", _metadata("Requires-Dist: other @ ../x ; extra == 'x'\n")),
    "marker": ("pip", _metadata("Requires-Dist: other; python_version ~= '3'\n")),
    "extra": ("pip and uv", _metadata("Requires-Dist: nothing; 'x' in extra\n")),
    "01.0": ("uv", _wheel_file(f"Wheel-Version: 01.0\nRoot-Is-Purelib: true\n{TAG}")),
    "lower": ("uv", _wheel_file(f"wheel-version: 1.0\nRoot-Is-Purelib: true\n{TAG}")),
    "empty line": ("pip", {"lines": {f"{INFO}/RECORD": f"\n{INFO}/RECORD,,"}}),
    "own size": ("uv", {"lines": {f"{INFO}/RECORD": f"{INFO}/RECORD,,\0"}}),
    "python": ("uv", {"members": {f"{INFO}/entry_points.txt": b"[console_scripts]\npython3 = demo:main\n"}}),
    "percent": ("pip", {"members": {f"{INFO}/entry_points.txt": b"[console_scripts]\nx = demo:main [%]\n"}}),
    "blanks": ("pip", {"members": {f"{INFO}/entry_points.txt": b"[console_scripts]\nx = demo : main\n"}}),
    "name": ("pip and uv", {"fields": {"Name": "demo "}}),
    "version": ("uv", {"fields": {"Version": "1.0\u00a0"}}),
    "tags": ("uv", {"filename": "demo-1.0-Py3-None-Any.whl"}),
    "number": ("uv", {"version": f"1.{2**64 - 1}", "filename": f"demo-1.{2**64 - 1}-py3-none-any.whl"}),
    "no x": (
        "pip",
        {"members": {"demo-1.0.data/scripts/x": b"#!python\n"}, "mode": {"demo-1.0.data/scripts/x": 0o100644}},
    ),
}
"""The client that can't install it, or both where they differ or both fail, and what is special about a wheel."""


@pytest.mark.parts
def test_the_verdict_names_the_client_that_can_not_install_it(tmp_path: Path) -> None:
    """And it is so, with the pip and the uv that are installed here."""
    built = {key: build(description) for key, (_, description) in FAIL.items()}
    wrong = {}
    for (key, archive), (pip, uvs, differ) in zip(built.items(), outcomes(list(built.values()), tmp_path), strict=True):
        expected = FAIL[key][0]
        messages = " ".join(flaw.message for flaw in judge(*archive).flaws if flaw.level is Level.REFUSE)
        failing = " and ".join(name for name, said in (("pip", pip), ("uv", uvs)) if said)
        named = all(name in messages for name in expected.split(" and "))
        if not named or (failing != expected and not differ and key != "extra"):
            wrong[key] = (expected, failing, differ, messages, pip[-200:], uvs[-200:])
    assert wrong == {}


def tried(count: int, seed: int, folder: Path) -> list[tuple[str, str, str, list[str]]]:
    """Mutated wheels that are not refused and that pip or uv can't install, or install otherwise."""
    source = Random(seed)
    mutations = [mutated(source) for _ in range(count)]
    taken = [one for one in mutations if not any(flaw.level is Level.REFUSE for flaw in judge(WHEEL, one[1]).flaws)]
    found = outcomes([(WHEEL, data) for _, data in taken], folder)
    return [(label, *outcome) for (label, _), outcome in zip(taken, found, strict=True) if any(outcome)]


@pytest.mark.parts
def test_what_is_not_refused_pip_and_uv_install_alike(tmp_path: Path) -> None:
    """A sample of odd lines in every file of the dist-info."""
    assert tried(SAMPLE, 1, tmp_path) == []


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        for line in tried(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1, Path(place)):
            print(line)

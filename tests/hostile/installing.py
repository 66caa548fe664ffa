"""Wheels as they lie on the disk when pip, uv and installer have installed them, each below a prefix of its own.

pip's and installer's own code is run over many wheels in one process; uv, a program, is run once for each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile

from tests.archive_factory import recorded, wheel_members, zip_of
from tests.installers import uv

Tree = dict[str, bytes | None]
"""What is installed, by path below the prefix; None for a script that each installer writes in its own way."""

_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
SCHEME = {
    "purelib": f"lib/{_VERSION}/site-packages",
    "platlib": f"lib/{_VERSION}/site-packages",
    "headers": f"include/site/{_VERSION}/demo",
    "scripts": "bin",
    "data": "",
}
"""Where uv puts things below a prefix; the others are told."""

_OF_INSTALLERS = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json")

_PIP = """
import json, sys
from pip._internal.models.scheme import Scheme
from pip._internal.operations.install.wheel import install_wheel

for wheel, places in json.load(sys.stdin):
    try:
        install_wheel("demo", wheel, Scheme(**places), wheel, pycompile=False, warn_script_location=False)
    except Exception as error:
        print(json.dumps([wheel, repr(error)]))
"""


def places(prefix: Path) -> dict[str, str]:
    """The scheme below a prefix."""
    return {name: str(prefix / path) for name, path in SCHEME.items()}


def by_pip(wheels: Iterable[Path]) -> dict[Path, str]:
    """Install all; what went wrong, by wheel."""
    jobs = [[str(wheel), places(wheel.parent / "pip")] for wheel in wheels]
    done = subprocess.run(
        [sys.executable, "-c", _PIP], input=json.dumps(jobs), capture_output=True, text=True, check=True, timeout=300
    )
    return {Path(wheel): error for wheel, error in map(json.loads, done.stdout.splitlines())}


def by_installer(wheels: Iterable[Path]) -> dict[Path, str]:
    """Install all; what went wrong, by wheel."""
    wrong = {}
    for wheel in wheels:
        places_of_it = places(wheel.parent / "installer")
        destination = SchemeDictionaryDestination(places_of_it, interpreter=sys.executable, script_kind="posix")
        try:
            with WheelFile.open(wheel) as source:
                source.validate_record(validate_contents=True)
                install(source, destination, additional_metadata={})
        except Exception as error:
            wrong[wheel] = repr(error)
    return wrong


def by_uv(wheels: Iterable[Path]) -> dict[Path, str]:
    """Install all; what went wrong, by wheel."""
    everything = list(wheels)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(_uv, everything))
    return {wheel: said for wheel, said in zip(everything, outcomes, strict=True) if said}


def _uv(wheel: Path) -> str:
    prefix = str(wheel.parent / "uv")
    options = ("--quiet", "--no-deps", "--no-index", "--offline", "--link-mode", "copy")
    done = uv(
        wheel.parent / "home", "pip", "install", *options, "--python", sys.executable, "--prefix", prefix, str(wheel)
    )
    return done.stderr if done.returncode else ""


def installed(prefix: Path, scripts: Iterable[str]) -> Tree:
    """What lies below a prefix, without what each installer writes for itself; `scripts` are entry points."""
    written = {f"bin/{name}" for name in scripts}
    tree: Tree = {}
    for path in prefix.rglob("*"):
        name = str(path.relative_to(prefix))
        is_own = path.parent.name.endswith(".dist-info") and path.name in _OF_INSTALLERS
        if path.is_file() and not is_own and name != ".lock":
            tree[name] = None if name in written else path.read_bytes()
    return tree


def differences(found: Tree, right: Tree) -> list[str]:
    """The paths of the two that are not in both, or have other contents."""
    stray = [f"+{place}" for place in found.keys() - right.keys()]
    missing = [f"-{place}" for place in right.keys() - found.keys()]
    # Installers write the path of the interpreter into the first line.
    other = [
        f"!{place}"
        for place in found.keys() & right.keys()
        if found[place] != right[place] and not (right[place] or b"").startswith(b"#!python")
    ]
    return sorted([*stray, *missing, *other])


def expected(members: Mapping[str, bytes], scripts: Iterable[str]) -> Tree:
    """Where the specification puts the members (binary distribution format, "Installing a wheel")."""
    tree: Tree = {f"bin/{name}": None for name in scripts}
    for name, content in members.items():
        if name.endswith(("/", ".dist-info/RECORD")):
            continue
        top, _, rest = name.partition("/")
        scheme, _, path = rest.partition("/")
        place = f"{SCHEME[scheme]}/{path}" if top.endswith(".data") else f"{SCHEME['purelib']}/{name}"
        tree[os.path.normpath(place.lstrip("/"))] = content
    return tree


PARTS = (
    "demo",
    "Demo",
    "other",
    "x.py",
    "X.py",
    "__init__.py",
    "con.py",
    "\u00e9",
    "e\u0301",
    "a b",
    ".x",
    "x.",
    "bin",
)
HEADS = (
    *("", "", "demo/", "demo/", "demo-1.0.dist-info/", "demo-1.0.dist-info/licenses/", "other-2.0.dist-info/"),
    *(f"demo-1.0.data/{scheme}/" for scheme in ("purelib", "platlib", "scripts", "headers", "data")),
    *("demo-1.0.data/data/bin/", "demo-1.0.data/data/share/", "Demo-1.0.data/purelib/", "demo-1.0.data/", "x.data/"),
)


def random_wheel(source: Random) -> bytes:
    """A wheel with a few more members, at places that are lawful more often than not."""
    names = [
        source.choice(HEADS) + "/".join(source.choice(PARTS) for _ in range(source.randint(1, 3)))
        for _ in range(source.randint(1, 4))
    ]
    more = {name: source.choice((b"", b"text\n", b"#!python\n", name.encode())) for name in names}
    return zip_of(recorded({**wheel_members(), **more}))

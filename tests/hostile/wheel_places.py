"""Hostile wheels whose members would be installed to where they have no place, as rows of wheels.WHEELS."""

from __future__ import annotations

from typing import Any

from tests.hostile.building import INFO

DATA = "demo-1.0.data"
INIT = "demo/__init__.py"

SCRIPTS = f"{INFO}/entry_points.txt"

PLACES: tuple[dict[str, Any], ...] = (
    {
        "code": "wheel-collision",
        "members": {f"{DATA}/scripts/run": b"", SCRIPTS: b"[console_scripts]\nRun = demo:main\n"},
        "twin": {"members": {f"{DATA}/scripts/run": b"", SCRIPTS: b"[console_scripts]\nrunner = demo:main\n"}},
    },
    {
        "code": "wheel-collision",
        "members": {f"{DATA}/data/bin/run": b"", SCRIPTS: b"[console_scripts]\nrun = demo:main\n"},
        "twin": {"members": {f"{DATA}/data/bin/x/run": b"", SCRIPTS: b"[console_scripts]\nrun = demo:main\n"}},
    },
    {
        "code": "wheel-collision",
        "members": {SCRIPTS: b"[console_scripts]\nrun = demo:main\n[gui_scripts]\nrun = demo:main\n"},
        "twin": {"members": {SCRIPTS: b"[console_scripts]\nrun = demo:main\n# run = x:y\n[other]\nrun = demo:main\n"}},
    },
    {
        "code": "dist-info-ambiguous",
        "members": {f"{DATA}/purelib/{INFO}/top_level.txt": b""},
        "twin": {"members": {f"{DATA}/data/{INFO}/top_level.txt": b""}},
    },
    {
        "code": "dist-info-ambiguous",
        "members": {f"{DATA}/platlib/Other-2.0.Dist-Info/METADATA": b""},
        "twin": {"members": {f"{DATA}/platlib/demo/other-2.0.dist-info/METADATA": b""}},
    },
    {
        "code": "dist-info-ambiguous",
        "members": {f"{DATA}/data/Lib/site-packages/{INFO}/x.txt": b""},
        "twin": {"members": {f"{DATA}/data/share/{INFO}/x.txt": b""}},
    },
    {
        "code": "dist-info-ambiguous",
        "members": {"other-2.0.egg-info/PKG-INFO": b"", "third-3.0.egg-info": b""},
        "twin": {"members": {"demo/other-2.0.egg-info/PKG-INFO": b"", "third-3.0.egg-information": b""}},
    },
    {"code": "dist-info-ambiguous", "members": {"requests-99.0.egg-info/PKG-INFO": b"Name: demo\nVersion: 1.0\n"}},
    {"code": "dist-info-ambiguous", "members": {"demo.egg-info/PKG-INFO": b"Name: requests\nVersion: 1.0\n"}},
    {"code": "dist-info-ambiguous", "members": {"demo.egg-info/PKG-INFO": b"Name: demo\nSummary: none\n"}},
    {"code": "dist-info-ambiguous", "members": {f"{DATA}/purelib/demo-1.0.egg-info/SOURCES.txt": b""}},
    {
        "code": "script-unsupported",
        "members": {f"{DATA}/data/bin/python": b""},
        "twin": {"members": {f"{DATA}/data/bin/pythonic": b"", f"{DATA}/data/share/bin/python": b""}},
    },
    {"code": "script-unsupported", "members": {f"{DATA}/data/Scripts/Python.exe": b""}},
    {"code": "script-unsupported", "members": {f"{DATA}/data/bin/python3.11": b""}},
    {
        "code": "dist-info-installer",
        "members": {f"{INFO}/direct_url.json": b"{}"},
        "twin": {"members": {f"{INFO}/licenses/direct_url.json": b"{}", "direct_url.json": b"{}"}},
    },
    {"code": "dist-info-installer", "members": {f"{INFO}/Installer": b"apt", f"{INFO}/REQUESTED": b""}},
    {
        "code": "wheel-data-folder",
        "members": {"demo-1.0.data/scripts/x": b"", "Demo-1.0.0.data/scripts/y": b""},
        "twin": {"members": {"demo-1.0.data/": b"", "demo-1.0.data/scripts/": b"", "demo-1.0.data/scripts/x": b""}},
    },
    {
        "code": "wheel-data-folder",
        "members": {"other-1.0.data": b""},
        "twin": {"members": {"demo/other-1.0.data": b"", "other-1.0.database": b""}},
    },
    {
        "code": "wheel-data-folder",
        "members": {"demo-1.0.DATA/scripts/x": b""},
        "twin": {"members": {"demo-1.0.data/scripts/X": b""}},
    },
    {"code": "wheel-data-folder", "members": {"demo-1.0.data/scripts": b""}},
    {
        "code": "wheel-data-folder",
        "members": {f"{DATA}/scripts/folder/x": b""},
        "twin": {"members": {f"{DATA}/headers/folder/x": b"", f"{DATA}/scripts/x": b""}},
    },
    {
        "code": "wheel-collision",
        "members": {f"{DATA}/purelib/{INIT}": b""},
        "twin": {"members": {f"{DATA}/purelib/demo/other.py": b""}},
    },
    {
        "code": "wheel-collision",
        "members": {f"{DATA}/platlib/q.py": b"1", f"{DATA}/purelib/Q.py": b"2"},
        "twin": {"members": {f"{DATA}/platlib/q.py": b"1", f"{DATA}/scripts/q.py": b"2", f"{DATA}/data/q.py": b"3"}},
    },
    {
        "code": "wheel-collision",
        "members": {f"{DATA}/purelib/demo": b""},
        "twin": {"members": {f"{DATA}/headers/demo": b""}},
    },
    {
        "code": "wheel-collision",
        "members": {f"{DATA}/data/lib/python3.11/site-packages/{INIT}": b""},
        "twin": {"members": {f"{DATA}/data/lib/site-packages.d/{INIT}": b""}},
    },
    {
        "code": "wheel-collision",
        "members": {f"{DATA}/data/bin/x": b"", f"{DATA}/scripts/x": b""},
        "twin": {"members": {f"{DATA}/data/bin/x": b"", f"{DATA}/scripts/y": b""}},
    },
)

"""The programs of a wheel: those that lie in its data folder, and those that installers write for entry points.

All of them go into one folder. Where two have one name, pip and uv let the last one win, and installer fails.
"""

from __future__ import annotations

from collections.abc import Iterator

from eggwatch.archives.findings import BUILD_AGAIN, Findings, clipped
from eggwatch.archives.paths import folded
from eggwatch.archives.wheel_places import installed_place
from eggwatch.archives.zip_directory import Directory

_GROUPS = ("console_scripts", "gui_scripts")


def check_scripts(directory: Directory, entry_points: bytes, path: str, findings: Findings) -> None:
    """No two programs have one name, in whatever case; `path` is that of the entry_points.txt."""
    places = (installed_place(member.name) for member in directory.members if ".data/" in member.name)
    taken = {inner for place, inner in places if place == "scripts"}
    for name in script_names(entry_points):
        if folded(name) in taken:
            message = f"Another program of the name {clipped(name)} is written to the same path. {BUILD_AGAIN}"
            findings.refuse("wheel-collision", path, message)
        taken.add(folded(name))


def script_names(entry_points: bytes) -> Iterator[str]:
    """The names of programs in an entry_points.txt that is sound, as all readers see them."""
    group = ""
    for line in map(str.strip, entry_points.decode("utf-8", "replace").split("\n")):
        if line.startswith("["):
            group = line.strip("[]")
        elif group in _GROUPS and "=" in line and not line.startswith(("#", ";")):
            yield line.partition("=")[0].strip()

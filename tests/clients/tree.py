"""One published tree with everything that clients have to cope with: each project is a case of docs/clients.rst.

A wheel's only module tells the filename that it came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from eggwatch.maintenance.repair import fix
from eggwatch.maintenance.verify import Verification
from eggwatch.policy.terms import Terms
from tests.archive_factory import normalized, wheel
from tests.laws.at_work import IndexAtWork

TAGS = "py2.py3-none-any"
VERSIONS, FILES, RELEASES = 1000, 5000, 5
"""Of the project with many versions; files of the one with many files, and its releases."""
SCRIPT = "[console_scripts]\n{0} = {0}:main\n"
UNICODE = "Author: Příliš Žluťoučký Kůň\nKeywords: 雪,❄,עברית\nProject-URL: Übersicht, https://example.com/%C3%BC\n"


def case_wheel(project: str, version: str, build: str = "", **more: str) -> tuple[str, bytes]:
    """A wheel that runs on Python 2 and 3."""
    stem = normalized(project)
    name = f"{stem}-{version}{build and f'-{build}'}-{TAGS}.whl"
    code = f"NAME = {name!r}\ndef main():\n    print(NAME)\n"
    files = {f"{stem}.py": code.encode(), f"{stem}-{version}.dist-info/entry_points.txt": SCRIPT.format(stem).encode()}
    return wheel(project, version, filename=name, files=files, tags=TAGS, **more)


def _wheels() -> Iterator[tuple[str, bytes]]:
    for project in ("case-yanked", "case-removed", "case-quarantined"):
        yield from (case_wheel(project, version) for version in ("1.0", "2.0"))
    yield case_wheel("case-newer-python", "1.0")
    yield case_wheel("case-newer-python", "2.0", requires_python=">=4")
    yield case_wheel("case-unicode", "1.0", metadata_extra=UNICODE)
    yield from (case_wheel("case-local", version) for version in ("1.0", "1.0+local.1"))
    yield from (case_wheel("case-build", "1.0", build) for build in ("1", "2"))
    yield from (case_wheel("case-epoch", version) for version in ("2026.1", "1!1.0"))
    yield from (case_wheel("case-pre", version) for version in ("1.0", "2.0rc1"))
    yield case_wheel("case-archived", "1.0")


def _many_wheels() -> Iterator[tuple[str, bytes]]:
    yield from (case_wheel("case-versions", f"1.{number}") for number in range(VERSIONS))
    for release in range(RELEASES):
        builds = range(1, FILES // RELEASES + 1)
        yield from (case_wheel("case-files", f"1.{release}", str(number)) for number in builds)


def publish(base: Path) -> None:
    """Make the index: `base` gets drop, public and state."""
    with IndexAtWork(base) as work:
        _upload(work, _wheels())
        work.order("yank", "case-yanked==2.0", "breaks <everything> & more")
        work.order("remove", "case-removed==2.0")
    rotten = work.config.public / f"files/case-quarantined/case_quarantined-2.0-{TAGS}.whl"
    rotten.chmod(0o644)
    rotten.write_bytes(b"rotten")
    (fixed,) = fix(work.config, Verification(work.config).run())
    assert fixed.done
    with IndexAtWork(base, terms=Terms(archived=("case-archived",))) as work:
        _upload(work, _many_wheels())


def _upload(work: IndexAtWork, wheels: Iterable[tuple[str, bytes]]) -> None:
    for file in wheels:
        work.put(*file)
    work.work()
    assert "rejected" not in {event["event"] for event in work.events()}

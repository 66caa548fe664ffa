"""eggwatch index: a folder of archives becomes an index where it lies."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from eggwatch.cli.output import Bar, json_option, print_json, say
from eggwatch.linux import capabilities
from eggwatch.maintenance.index_folder import Changes, FolderIndex
from eggwatch.model.counting import counted
from eggwatch.model.names import shown
from eggwatch.model.verdicts import Flaw
from eggwatch.pages.folder_index import Shape
from eggwatch.policy.rules import RULES


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]…", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write the index (default: PATH if it is one folder, else the current folder).",
)
@click.option("--simple-only", is_flag=True, help="Write nothing but simple/: no front page, no links.html.")
@click.option("--easy-install", is_flag=True, help="Also write index/PROJECT/ for old easy_install -i.")
@json_option
def index(paths: tuple[Path, ...], out: Path | None, simple_only: bool, easy_install: bool, as_json: bool) -> None:
    """Turn folders of archives, or single archives, into an index in place.

    There is no daemon, no state folder and no account. Archives stay where they are, in subfolders too, and are not
    changed; all links are relative, so the index can be served by any web server, and used as file://. Run the same
    command again after a change: only what is new is read, and what is gone leaves the index. Without PATH, the current
    folder is meant.

    Every archive is checked as uploads are; one that is rejected is listed with its flaws and left out. Besides wheels
    and sdists, .egg, .zip, .tgz and .tar.bz2 are taken.

    \b
    Examples:
      cd mytgapp_index; eggwatch index *
      eggwatch index /srv/www/packages
      pip install -i file:///srv/www/packages/simple/ demo
    Exit status: 0 all archives are in the index, 1 some were left out, 3 another
      run is at work there.
    """
    capabilities.lower()
    given = paths or (Path(),)
    place = out or (given[0] if len(given) == 1 and given[0].is_dir() else Path())
    work = FolderIndex(place, Shape(site=not simple_only, easy_install=easy_install))
    progress = ProgressBars()
    try:
        changes = work.update(given, progress=progress)
    finally:
        progress.end()
    (_print_json if as_json else _say)(changes, work.out)
    sys.exit(0 if changes.is_good() else 1)


class ProgressBars:
    """A bar for whoever waits: one for the archives that are read, one for the pages of projects."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._left = 0

    def __call__(self, _name: str, total: int) -> None:
        """One more of so many is done."""
        if not self._left:
            self.end()
            self._bar, self._left = Bar("index", total), total
        assert self._bar is not None
        self._left -= 1
        self._bar.step()

    def end(self) -> None:
        """Leave a clean line."""
        if self._bar is not None:
            self._bar.clear()


def _say(changes: Changes, out: Path) -> None:
    for one in changes.left_out:
        if one.flaws:
            say(f"{shown(one.path)}: left out")
            _say_flaws(one.flaws)
    for unread in changes.unread:
        say(f"{shown(unread.path)}: left out: {unread.why}")
    bad = sum(bool(one.flaws) for one in changes.left_out) + len(changes.unread)
    numbers = {"added": len(changes.added), "removed": len(changes.removed), "unchanged": changes.unchanged}
    numbers |= {word: count for word, count in (("left out", bad), ("not seen", changes.kept)) if count}
    text = ", ".join(f"{count} {word}" for word, count in numbers.items())
    say(f"{shown(str(out))}: {text}; {counted(changes.projects, 'project')}")


def _say_flaws(flaws: Sequence[Flaw]) -> None:
    for flaw in flaws:
        say(f"  [{flaw.level}] {flaw.code}: {flaw.subject}\n      {flaw.message}")
    if known := dict.fromkeys(flaw.code for flaw in flaws if flaw.code in RULES):
        say(f"  More: eggwatch explain {' '.join(known)}")


def _print_json(changes: Changes, out: Path) -> None:
    for file in changes.added:
        row = {"file": shown(file.path), "verdict": "added", "project": file.project, "version": file.version}
        print_json({**row, "sha256": file.sha256, "flaws": []})
    for file in changes.removed:
        print_json(_row(file.path, "removed"))
    for one in changes.left_out:
        more: dict[str, Any] = {"instead": one.instead, "flaws": [flaw.as_json() for flaw in one.flaws]}
        print_json(_row(one.path, "left-out" if one.flaws else "duplicate") | more)
    for unread in changes.unread:
        print_json(_row(unread.path, "unreadable") | {"reason": unread.why})
    counts = {name: getattr(changes, name) for name in ("unchanged", "kept", "projects", "others")}
    print_json({"index": shown(str(out)), "added": len(changes.added), "removed": len(changes.removed), **counts})


def _row(path: str, verdict: str) -> dict[str, Any]:
    return {"file": shown(path), "verdict": verdict}

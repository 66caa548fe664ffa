"""eggwatch index: turns a folder of archives into an index, in place."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import click

from eggwatch.cli.check import say_flaws
from eggwatch.cli.options import seconds_of
from eggwatch.cli.output import Bar, json_option, print_json, say, say_error
from eggwatch.collecting.bundle import is_bundle, read_bundle, unpack
from eggwatch.linux import capabilities, leases
from eggwatch.linux.process import collect_less_often
from eggwatch.maintenance.index_folder import Changes, FolderIndex, MayRemove, at_once
from eggwatch.maintenance.index_survey import OURS
from eggwatch.model.counting import counted
from eggwatch.model.names import shown
from eggwatch.pages.folder_index import LANDING, LINKS, Shape
from eggwatch.policy.absence import Absences


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]…", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write the index (default: PATH if it is one folder, else the current folder).",
)
@click.option("--simple-only", is_flag=True, help="Write nothing but simple/: no front page, no links.html.")
@click.option("--easy-install", is_flag=True, help="Also write index/PROJECT/ for old easy_install -i.")
@click.option("--watch", is_flag=True, help="Keep the index current, until SIGTERM or Ctrl-C.")
@click.option(
    "--removed-after",
    metavar="TIME",
    default="10s",
    show_default=True,
    help="With --watch: how long a deleted archive must be missing before it is removed.",
)
@json_option
def index(
    paths: tuple[Path, ...],
    out: Path | None,
    simple_only: bool,
    easy_install: bool,
    watch: bool,
    removed_after: str,
    as_json: bool,
) -> None:
    """Turn folders of archives, or single archives, into an index in place.

    No daemon, no state folder and no account are needed. Archives stay where they are, also in subfolders, and are not
    changed. All links are relative, so any web server can serve the index, and it can be used as file://. Run the same
    command again after a change: it reads new archives only, and removes deleted ones from the index. The default of
    PATH is the current folder.

    Archives are checked like uploads; one that is rejected is listed with its flaws and left out. Besides wheels and
    sdists, .egg, .zip, .tgz and .tar.bz2 are accepted. If PATH is a bundle from 'eggwatch collect --bundle', its
    archives are first unpacked into the folder of the index; none of them if one differs from its checksum.

    \b
    Examples:
      cd mytgapp_index; eggwatch index *
      eggwatch index --watch /srv/www/packages
      eggwatch index site.tar --out /srv/www/packages
      pip install -i file:///srv/www/packages/simple/ demo
    Exit status: 0 all archives are in the index, 1 some were left out, 3 the
      command is already running there.
    """
    capabilities.lower()
    leases.ignore_breaks()
    collect_less_often()
    missing = [str(path) for path in paths if not os.path.lexists(path)]
    if paths and not any(map(os.path.exists, paths)):  # a link that leads nowhere begins no index
        missing = list(map(str, paths))
    if missing:
        raise click.UsageError(f"No such file or folder: {', '.join(map(shown, missing))}")
    place, given = _unpacked(paths or (Path(),), out)
    work = FolderIndex(place, Shape(site=not simple_only, easy_install=easy_install))
    if watch:
        keep_current(work, given, seconds_of("--removed-after", removed_after), print_changes if as_json else say_news)
    else:
        changes = updated(work, given)
        (print_changes if as_json else say_changes)(changes, work.out)
        sys.exit(0 if changes.is_good() else 1)


def _unpacked(given: Sequence[Path], out: Path | None) -> tuple[Path, Sequence[Path]]:
    """The folder of the index, and what is to be in it: the archives of bundles lie there by now."""
    bundles = [read_bundle(path) for path in given if is_bundle(path)]
    others = [path for path in given if not is_bundle(path)]
    place = out or (others[0] if len(others) == 1 and others[0].is_dir() else Path())
    for bundle in bundles:
        unpack(bundle, place)
    return place, [*others, place] if bundles and place not in others else others


def updated(work: FolderIndex, paths: Sequence[Path], may_remove: MayRemove = at_once, quiet: float = 0.0) -> Changes:
    """One run, with progress bars on a terminal."""
    progress = ProgressBars()
    try:
        return work.update(paths, progress=progress, may_remove=may_remove, quiet=quiet)
    finally:
        progress.end()


def keep_current(
    work: FolderIndex, paths: Sequence[Path], seconds: float, tell: Callable[[Changes, Path], None]
) -> None:
    """Update the index after each change, until SIGTERM or Ctrl-C."""
    from eggwatch.cli.index_watch import QUIET_SECONDS, Follower
    from eggwatch.service.folder_watch import FolderWatch

    if not all(path.is_dir() for path in paths):
        raise click.UsageError("--watch accepts folders only, not files.")
    watch = FolderWatch(paths, skipped=[work.out / name for name in (*OURS, LANDING, LINKS)])
    with suppress(KeyboardInterrupt), closing(watch):
        watch.end_on(signal.SIGTERM, signal.SIGINT)
        follower = Follower(
            lambda may_remove: updated(work, paths, may_remove, QUIET_SECONDS),
            work.out,
            watch,
            Absences(seconds=seconds),
        )
        follower.run(lambda changes: tell(changes, work.out))


class ProgressBars:
    """Progress bars: one for the archives that are read, one for the pages of projects."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._left = 0

    def __call__(self, _name: str, total: int) -> None:
        """One more of `total` is done."""
        if not self._left:
            self.end()
            self._bar, self._left = Bar("index", total), total
        assert self._bar is not None
        self._left -= 1
        self._bar.step()

    def end(self) -> None:
        """Clear the line."""
        if self._bar is not None:
            self._bar.clear()


def say_changes(changes: Changes, out: Path) -> None:
    """Print the result, as text."""
    _say(changes, out, say)


def say_news(changes: Changes, out: Path) -> None:
    """Log the result to standard error, with each archive that was added or removed."""
    for file in changes.added:
        say_error(f"{shown(file.path)}: added")
    for file in changes.removed:
        say_error(f"{shown(file.path)}: removed")
    _say(changes, out, say_error)


def _say(changes: Changes, out: Path, say_line: Callable[[str], None]) -> None:
    for one in changes.left_out:
        if one.flaws:
            say_line(f"{shown(one.path)}: left out")
            say_flaws(one.flaws, say_line)
    for unread in changes.unread:
        say_line(f"{shown(unread.path)}: left out: {unread.why}")
    bad = sum(bool(one.flaws) for one in changes.left_out) + len(changes.unread)
    numbers = {"added": len(changes.added), "removed": len(changes.removed), "unchanged": changes.unchanged}
    numbers |= {word: count for word, count in (("left out", bad), ("not seen", changes.kept)) if count}
    text = ", ".join(f"{count} {word}" for word, count in numbers.items())
    say_line(f"{shown(str(out))}: {text}; {counted(changes.projects, 'project')}")


def print_changes(changes: Changes, out: Path) -> None:
    """Print the result as JSON."""
    for file in changes.added:
        _print_row(file.path, "added", project=file.project, version=file.version, sha256=file.sha256)
    for file in changes.removed:
        _print_row(file.path, "removed", project=file.project, version=file.version, sha256=file.sha256)
    for one in changes.left_out:
        verdict = "left-out" if one.flaws else "duplicate"
        _print_row(one.path, verdict, instead=one.instead, flaws=[flaw.as_json() for flaw in one.flaws])
    for unread in changes.unread:
        _print_row(unread.path, "unreadable", reason=unread.why)
    counts = {name: getattr(changes, name) for name in ("unchanged", "kept", "projects", "others")}
    print_json({"index": shown(str(out)), "added": len(changes.added), "removed": len(changes.removed), **counts})


def _print_row(path: str, verdict: str, **more: Any) -> None:
    absent = dict.fromkeys(("project", "version", "sha256", "instead", "reason"))
    print_json({"file": shown(path), "verdict": verdict, **absent, "flaws": [], **more})

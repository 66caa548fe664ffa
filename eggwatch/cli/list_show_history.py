"""eggwatch list, show, history: read only, without the lock."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import click
from packaging.utils import is_normalized_name

from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import event_line, json_option, print_json, say
from eggwatch.cli.url_option import AnyReader, reader_afar, reader_of, url_option
from eggwatch.config.grammar import duration
from eggwatch.errors import NotFoundError
from eggwatch.model.events import Entry, Event, seconds_of, timestamp
from eggwatch.model.names import project_name, shown
from eggwatch.policy.orders import parse_spec
from eggwatch.readers.local import IndexReader
from eggwatch.store.state.ledger import START, after


@click.command("list")
@click.argument("project", required=False)
@index_options
@url_option
@json_option
def list_(selection: Selection, project: str | None, url: str | None, as_json: bool) -> None:
    """List the published projects with their newest version and when it came (UTC), or the files of one.

    \b
    Examples:
      eggwatch list
      eggwatch list demo --json
      eggwatch list --url http://packages.example.com/
    """
    reader = reader_of(selection, url)
    if project is None:
        _list_projects(reader.projects(), as_json=as_json)
        return
    for file in _page(reader, project)["files"]:
        print_json(_row(file)) if as_json else say(shown(file["filename"] + (" (yanked)" if file["yanked"] else "")))


def _list_projects(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """One line for each project, in columns for people; the pages of an older index have no newest version."""
    newest = [row.get("_newest") or {} for row in rows]
    names = max((len(str(row["name"])) for row in rows), default=0)
    versions = max((len(str(one.get("version", ""))) for one in newest), default=0)
    for row, one in zip(rows, newest, strict=True):
        if as_json:
            told = {"version": one.get("version"), "at": one.get("at"), "yanked": one.get("yanked", False)}
            print_json({"project": row["name"], **told})
        elif not one:
            say(shown(row["name"]))
        else:
            mark = "  (yanked)" if one.get("yanked") else ""
            say(shown(f"{row['name']:{names}}  {one['version']:{versions}}  {one['at'][:10]}{mark}"))


def _page(reader: AnyReader, project: str) -> dict[str, Any]:
    name = project_name(project)
    page = reader.project(name) if is_normalized_name(name) else None
    if page is None:
        raise NotFoundError(f"There is no project {project!r}.", remedy="'eggwatch list' lists them.")
    return page


@click.command()
@click.argument("spec", metavar="SPEC")
@index_options
@url_option
@json_option
def show(selection: Selection, spec: str, url: str | None, as_json: bool) -> None:
    """Show a project, one version of it, or one file: sizes, hashes, times, who, and what was removed.

    \b
    Examples:
      eggwatch show demo
      eggwatch show demo==1.0
      eggwatch show demo-1.0.tar.gz
    """
    parsed = parse_spec(spec)
    if parsed is None:
        raise click.UsageError(f"{spec!r} is not a project, project==version or filename.")
    page = _page(reader_of(selection, url), parsed.project)
    files = [file for file in page["files"] if parsed.means(file["filename"])]
    removed = [file for file in page["_removed"] if parsed.means(file["filename"])]
    if not files and not removed and (parsed.version is not None or parsed.filename is not None):
        raise NotFoundError(f"{spec} is not in the index.", remedy=f"'eggwatch list {parsed.project}' lists its files.")
    for file in files:
        print_json(_row(file)) if as_json else _say_file(file)
    for file in removed:
        print_json({"bytes-until": None, "blocked": False, **file, "removed": True}) if as_json else _say_removed(file)


def _row(file: dict[str, Any]) -> dict[str, Any]:
    """A file as its project's page has it, with every key."""
    return {"core-metadata": None, **file, "removed": False}


def _say_file(file: dict[str, Any]) -> None:
    lines = [
        file["filename"],
        f"  size      {file['size']} bytes",
        f"  sha256    {file['hashes']['sha256']}",
        f"  uploaded  {file['upload-time']} by {file.get('_uploader') or 'an unknown account'}",
    ]
    if file["requires-python"]:
        lines.append(f"  python    {file['requires-python']}")
    if file["yanked"]:
        lines.append(f"  yanked    {file['yanked'] if isinstance(file['yanked'], str) else 'without a reason'}")
    say("\n".join(map(shown, lines)))


def _say_removed(file: dict[str, Any]) -> None:
    """What was removed; whether its bytes can still be had, and whether it may return."""
    lines = [file["filename"], f"  removed   {file['at']}"]
    if (until := file.get("bytes-until")) is not None and until > timestamp(time.time()):
        lines.append(f"  bytes     can be downloaded until {until[:19]}Z")
    if file.get("blocked"):
        lines.append("  blocked   neither this file nor this name can be uploaded before 'eggwatch unblock'")
    say("\n".join(map(shown, lines)))


@click.command()
@index_options
@click.option("--follow", is_flag=True, help="Keep running, and print new events as they happen.")
@click.option("--since", metavar="TIME", help="Only events since: 2026-11-22, 2026-11-22T08:00:00Z, or 2d (ago).")
@click.option("--until", metavar="TIME", help="Only events before this time.")
@click.option("--project", metavar="NAME", help="Only this project.")
@click.option("--uploader", metavar="ACCOUNT", help="Only uploads of this account.")
@url_option
@json_option
def history(
    selection: Selection,
    follow: bool,
    since: str | None,
    until: str | None,
    project: str | None,
    uploader: str | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Print past events, oldest first: published, rejected, yanked and removed files.

    With --url only published and removed files are shown, without serials; --project makes it faster.

    \b
    Examples:
      eggwatch history --since 2d --uploader alice
      eggwatch history --follow --json
      eggwatch history --project demo --url http://packages.example.com/
    """
    limits = (_moment(since), _moment(until))
    name = None if project is None else project_name(project)
    if url is not None:
        if follow:
            raise click.UsageError("--follow and --url do not go together.")
        found: Iterator[tuple[int | None, Event]] = ((None, event) for event in reader_afar(url).events(name))
    else:
        entries = _entries(IndexReader(config=selection.one()), follow=follow, until=limits[1])
        found = ((entry.serial, entry.event) for entry in entries)
    for serial, event in found:
        if _is_wanted(event, limits, name, uploader):
            print_json({"serial": serial, **event.as_json()}) if as_json else say(event_line(serial, event))


def _moment(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return timestamp(time.time() - duration(text))
    except (ValueError, OverflowError, OSError):  # no time, or one before the calendar begins
        pass
    try:
        return timestamp(seconds_of(text if "T" in text else f"{text}T00:00:00Z"))
    except ValueError as error:
        raise click.UsageError(f"{text!r} is not a time; write 2026-11-22, 2026-11-22T08:00:00Z or 2d.") from error


def _entries(reader: IndexReader, *, follow: bool, until: str | None) -> Iterator[Entry]:
    """Visible entries; with `follow` until that moment, each once, reading the ledger from where nothing is missing."""
    start, ahead = START, set[int]()
    while True:
        last = start.serial
        for entry in reader.visible_entries(start):
            if entry.serial not in ahead:
                yield entry
                ahead.add(entry.serial)
            if entry.serial == last + 1:  # no gap that a page on its way might still fill
                last, start = entry.serial, after(entry)
        if not follow or (until is not None and timestamp(time.time()) >= until):
            return
        ahead = {serial for serial in ahead if serial > start.serial}
        sys.stdout.flush()
        time.sleep(0.5)


def _is_wanted(event: Event, limits: tuple[str | None, str | None], project: str | None, uploader: str | None) -> bool:
    since, until = limits
    if (since is not None and event.at < since) or (until is not None and event.at >= until):
        return False
    return project in (None, event.project) and uploader in (None, event.uploader)

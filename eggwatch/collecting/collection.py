"""Collects archives in a folder: existing ones are kept, missing ones are downloaded below it and moved into it."""

from __future__ import annotations

import filecmp
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from eggwatch.collecting.comparing import differences
from eggwatch.collecting.environment import InstalledDistribution, PythonEnvironment
from eggwatch.collecting.pip_download import NotDownloadedError, Pip
from eggwatch.collecting.rebuilding import NotRebuiltError, rebuild
from eggwatch.collecting.requirements import PipRequest
from eggwatch.errors import NotFoundError
from eggwatch.model.names import Filename, Kind, Project, parse_filename, project_name
from eggwatch.model.parsing import parsed

AT_ONCE = 16
"""How many archives one call of pip downloads: its results are printed only when it ends."""

TEMPORARY = ".eggwatch-collect-"
"""How the names of temporary folders begin. A daemon that watches a collection does not enter such."""

ArchiveNames = dict[tuple[Project, str], list[str]]
"""Filenames by normalised project and version."""


class Outcome(StrEnum):
    """The result for one package."""

    FOUND = "found"
    REBUILT = "rebuilt"
    DIFFERS = "differs"
    NOT_FOUND = "not-found"
    ELSEWHERE = "elsewhere"
    """Not requested, as on an index, another project may have the name of what is installed from a folder or URL."""


GOOD = (Outcome.FOUND, Outcome.REBUILT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """One package, and the archive that was found for it, if any; `reason` says what is wrong."""

    name: str
    version: str | None
    outcome: Outcome
    file: str | None = None
    origin: str | None = None
    reason: str | None = None


def collect_installed(environment: PythonEnvironment, pip: Pip, into: Path) -> Iterator[Collected]:
    """Collect the wheels of all installed packages, sorted by name."""
    there = wheels_of(_names_in(into))
    # A wheel for another platform always differs from the installed files: do not compare them.
    installed = [replace(one, rows={}) for one in environment.installed] if pip.options else environment.installed
    for some in _batched(installed):
        found = {one.name: _not_requested(one) or _already_in(into, there, one) for one in some}
        lacking = [one for one in some if found[one.name] is None]
        with downloading(into, [name for one in lacking for name in there.get(_key(one), ())]) as folder:
            names, reasons = pip.download_each([one.pin for one in lacking], folder)
            chosen = wheels_of(names)
            found |= {one.name: _judged(one, folder, chosen, reasons.get(one.pin)) for one in lacking}
        yield from filter(None, found.values())


def collect_requested(request: PipRequest, pip: Pip, into: Path) -> Iterator[Collected]:
    """Collect the wheels that pip finds for requirements; NotFoundError if one is missing."""
    yield from _elsewhere(request)
    if not request.arguments:
        return
    with downloading(into, (name for name in _names_in(into) if name.endswith(".whl"))) as folder:
        names = _found_for(request, folder, pip.download)
    for (project, version), (file, *_) in wheels_of(names).items():
        yield Collected(name=project, version=version, outcome=Outcome.FOUND, file=file)


def _elsewhere(request: PipRequest) -> Iterator[Collected]:
    for name, version, place in request.elsewhere:
        yield Collected(name=name, version=version, outcome=Outcome.ELSEWHERE, origin=place, reason=place)


def _found_for(request: PipRequest, folder: Path, find: Callable[[Sequence[str], Path], list[str]]) -> list[str]:
    arguments = list(request.arguments)
    if request.lines:
        lines = folder.with_name("requirements.txt")
        lines.write_text("".join(f"{line}\n" for line in request.lines), "utf-8")
        arguments += ["--requirement", str(lines)]
    try:
        return find(arguments, folder)
    except NotDownloadedError as error:
        raise NotFoundError(
            f"pip has not found everything: {error}",
            remedy="Nothing was downloaded for these requirements. 'pip config list' names the indexes that pip uses.",
        ) from error


def show_requested(request: PipRequest, pip: Pip, into: Path) -> Iterator[Collected]:
    """What `collect_requested` would collect, each with its URL if it would be downloaded."""
    yield from _elsewhere(request)
    if not request.arguments:
        return
    with _reporting() as folder:
        yield from _at(_found_for(request, folder, pip.look_up), into)


def show_installed(environment: PythonEnvironment, pip: Pip, into: Path) -> Iterator[Collected]:
    """What `collect_installed` would collect, likewise; nothing that is not in the collection can be compared."""
    there, pins = wheels_of(_names_in(into)), list[InstalledDistribution]()
    for one in environment.installed:
        known = _not_requested(one) or (None if pip.options else _already_in(into, there, one))
        if known is not None:
            yield known
        else:
            pins.append(one)
    with _reporting() as folder:
        for some in _batched(pins):
            urls, reasons = pip.look_up_each([one.pin for one in some], folder)
            yield from _at(urls, into)
            yield from (
                _collected(one, Outcome.NOT_FOUND, reason=reasons[one.pin]) for one in some if one.pin in reasons
            )


@contextmanager
def _reporting() -> Iterator[Path]:
    with TemporaryDirectory(prefix="eggwatch-collect-") as name:
        folder = Path(name, "report")
        folder.mkdir()
        yield folder


def _at(urls: Iterable[str], into: Path) -> Iterator[Collected]:
    by_name = {unquote(urlsplit(url).path).rpartition("/")[2]: url for url in urls}
    for (project, version), (file, *_) in wheels_of(by_name).items():
        origin = None if (into / file).exists() else by_name[file]
        yield Collected(name=project, version=version, outcome=Outcome.FOUND, file=file, origin=origin)


def with_sdists(found: Iterable[Collected], pip: Pip, into: Path) -> Iterator[Collected]:
    """After each one that was looked for on an index, its sdist in the same version."""
    for one in found:
        yield one
        if one.version is not None and one.outcome in (Outcome.FOUND, Outcome.DIFFERS, Outcome.NOT_FOUND):
            yield _sdist(one.name, one.version, pip, into)


def _sdist(name: str, version: str, pip: Pip, into: Path) -> Collected:
    key = project_name(name), str(parsed(Version, version) or version)
    there = archives_of(_names_in(into), Kind.SDIST).get(key)
    try:
        with downloading(into) as folder:
            file = there[0] if there else pip.download_sdist(f"{name}=={version}", folder)
    except NotDownloadedError as error:
        return Collected(name=name, version=version, outcome=Outcome.NOT_FOUND, reason=f"no sdist: {error}")
    return Collected(name=name, version=version, outcome=Outcome.FOUND, file=file)


def rebuilt_instead(collected: Collected, environment: PythonEnvironment, into: Path) -> Collected:
    """For a package that no index has: a wheel made from the installed files, or the reason why this is impossible."""
    if collected.outcome not in (Outcome.NOT_FOUND, Outcome.ELSEWHERE):
        return collected
    installed = next(one for one in environment.installed if one.name == collected.name)
    try:
        with downloading(into) as folder:
            wheel = rebuild(installed, environment, folder)
            kept = into / wheel.name
            if kept.exists() and not filecmp.cmp(kept, wheel, shallow=False):
                wheel.unlink()
                return _kept(collected, kept, installed)
    except NotRebuiltError as error:
        return replace(collected, reason=f"can't be rebuilt: {error}")
    return replace(collected, outcome=Outcome.REBUILT, file=wheel.name, reason=None)


def _kept(collected: Collected, wheel: Path, installed: InstalledDistribution) -> Collected:
    """A wheel that is in the collection is never replaced: it may be what was installed, whose hash others know."""
    if other := differences(wheel, installed.rows):
        why = f"{wheel.name} is there already, and differs from the installed files ({other[0]})"
        return replace(collected, reason=why)
    return replace(collected, outcome=Outcome.FOUND, file=wheel.name, origin=None, reason=None)


@contextmanager
def downloading(into: Path, there: Iterable[str] = ()) -> Iterator[Path]:
    """Provide a folder below the collection, with links to the archives in `there`; at the end, move new files up."""
    into.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=TEMPORARY, dir=into) as name:
        folder = Path(name, "archives")
        folder.mkdir()
        for file in there:
            (folder / file).symlink_to(into.resolve() / file)
        yield folder
        for path in sorted(folder.iterdir()):
            if not path.is_symlink():
                path.rename(into / path.name)


def _batched(installed: Sequence[InstalledDistribution]) -> Iterator[Sequence[InstalledDistribution]]:
    yield from (installed[start : start + AT_ONCE] for start in range(0, len(installed), AT_ONCE))


def _not_requested(installed: InstalledDistribution) -> Collected | None:
    if installed.origin is None:
        try:
            Requirement(installed.pin)  # what is none may be an option of pip
        except InvalidRequirement:
            return _collected(installed, Outcome.NOT_FOUND, reason="its name or version is not valid")
        return None
    how = "editable, from" if installed.is_editable else "installed from"
    return _collected(installed, Outcome.ELSEWHERE, origin=installed.origin, reason=f"{how} {installed.origin}")


def _already_in(into: Path, there: ArchiveNames, installed: InstalledDistribution) -> Collected | None:
    """Found if the collection has exactly the wheel that is installed."""
    files = there.get(_key(installed), []) if installed.rows else []
    same = next((file for file in files if not differences(into / file, installed.rows)), None)
    return None if same is None else _collected(installed, Outcome.FOUND, file=same)


def _judged(installed: InstalledDistribution, folder: Path, chosen: ArchiveNames, reason: str | None) -> Collected:
    """The wheel that pip has chosen, compared with the installed files."""
    files = chosen.get(_key(installed))
    if not files:
        return _collected(installed, Outcome.NOT_FOUND, reason=reason or "pip has found another version")
    other = differences(folder / files[0], installed.rows) if installed.rows else []
    if not other:
        return _collected(installed, Outcome.FOUND, file=files[0])
    more = f" and {len(other) - 1} more" if other[1:] else ""
    return _collected(installed, Outcome.DIFFERS, file=files[0], reason=f"{other[0]}{more}")


def _collected(installed: InstalledDistribution, outcome: Outcome, **more: str | None) -> Collected:
    return Collected(name=installed.name, version=installed.version, outcome=outcome, **more)


def wheels_of(names: Iterable[str]) -> ArchiveNames:
    """The wheels among these names, by project and version."""
    return archives_of(names, Kind.WHEEL)


def archives_of(names: Iterable[str], kind: Kind) -> ArchiveNames:
    """The archives of one kind among these names, by project and version."""
    archives: ArchiveNames = {}
    for name in sorted(names):
        filename = parse_filename(name)
        if isinstance(filename, Filename) and filename.kind is kind:
            archives.setdefault((filename.project, str(filename.version)), []).append(name)
    return archives


def _names_in(into: Path) -> list[str]:
    return [path.name for path in into.iterdir() if path.is_file()] if into.is_dir() else []


def _key(installed: InstalledDistribution) -> tuple[Project, str]:
    version = parsed(Version, installed.version)
    return installed.project, str(version or installed.version)

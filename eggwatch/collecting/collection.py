"""A collection of archives in a folder: what is there stays, what is missing is downloaded beside it and moved in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.version import Version

from eggwatch.collecting.comparing import differences
from eggwatch.collecting.environment import InstalledDistribution, PythonEnvironment
from eggwatch.collecting.pip_download import NotDownloadedError, Pip
from eggwatch.collecting.rebuilding import NotRebuiltError, rebuild
from eggwatch.collecting.requirements import PipRequest
from eggwatch.errors import NotFoundError
from eggwatch.model.names import Filename, Kind, Project, parse_filename
from eggwatch.model.parsing import parsed

AT_ONCE = 16
"""How many archives one call of pip downloads: it shows nothing before it ends."""


WheelNames = dict[tuple[Project, str], list[str]]
"""Filenames by normalised project and version."""


class Outcome(StrEnum):
    """What became of one that is wanted."""

    FOUND = "found"
    REBUILT = "rebuilt"
    DIFFERS = "differs"
    NOT_FOUND = "not-found"
    ELSEWHERE = "elsewhere"
    """Installed from a folder, an URL or a repository, and so looked for on no index: another may have its name."""


GOOD = (Outcome.FOUND, Outcome.REBUILT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """One that is wanted, and the archive that was found for it, if any; `reason` says what is wrong."""

    name: str
    version: str | None
    outcome: Outcome
    file: str | None = None
    origin: str | None = None
    reason: str | None = None


def collect_installed(environment: PythonEnvironment, pip: Pip, into: Path) -> Iterator[Collected]:
    """Collect the wheels of all that is installed, in the order of names."""
    there = wheels_of(_names_in(into))
    # A wheel for another platform is another build in any case.
    installed = [replace(one, rows={}) for one in environment.installed] if pip.options else environment.installed
    for some in _batched(installed):
        found = {one.name: _elsewhere(one) or _already_in(into, there, one) for one in some}
        lacking = [one for one in some if found[one.name] is None]
        with downloading(into, [name for one in lacking for name in there.get(_key(one), ())]) as folder:
            names, reasons = pip.download_each([one.pin for one in lacking], folder)
            chosen = wheels_of(names)
            found |= {one.name: _judged(one, folder, chosen, reasons.get(one.pin)) for one in lacking}
        yield from filter(None, found.values())


def collect_requested(request: PipRequest, pip: Pip, into: Path) -> Iterator[Collected]:
    """Collect what pip finds for requirements; NotFoundError if it does not find all."""
    for name, version, place in request.elsewhere:
        yield Collected(name=name, version=version, outcome=Outcome.ELSEWHERE, origin=place, reason=place)
    arguments = list(request.arguments)
    with downloading(into, (name for name in _names_in(into) if name.endswith(".whl"))) as folder:
        if request.lines:
            lines = folder.with_name("requirements.txt")
            lines.write_text("".join(f"{line}\n" for line in request.lines), "utf-8")
            arguments += ["--requirement", str(lines)]
        try:
            names = pip.download(arguments, folder)
        except NotDownloadedError as error:
            raise NotFoundError(f"pip has not found all: {error}") from error
    for (project, version), (file, *_) in wheels_of(names).items():
        yield Collected(name=project, version=version, outcome=Outcome.FOUND, file=file)


def rebuilt_instead(collected: Collected, environment: PythonEnvironment, into: Path) -> Collected:
    """In place of one that no index has: a wheel of the installed files, or why there can't be one."""
    if collected.outcome not in (Outcome.NOT_FOUND, Outcome.ELSEWHERE):
        return collected
    installed = next(one for one in environment.installed if one.name == collected.name)
    try:
        with downloading(into) as folder:
            wheel = rebuild(installed, environment, folder)
    except NotRebuiltError as error:
        return replace(collected, reason=f"can't be rebuilt: {error}")
    return replace(collected, outcome=Outcome.REBUILT, file=wheel.name, reason=None)


@contextmanager
def downloading(into: Path, there: Iterable[str] = ()) -> Iterator[Path]:
    """A folder below the collection, with links to what is there; what is new in it at the end is moved up."""
    into.mkdir(parents=True, exist_ok=True)
    # A daemon that watches the collection does not enter folders whose names begin with a dot.
    with TemporaryDirectory(prefix=".eggwatch-collect-", dir=into) as name:
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


def _elsewhere(installed: InstalledDistribution) -> Collected | None:
    if installed.origin is None:
        return None
    how = "editable, from" if installed.is_editable else "installed from"
    return _collected(installed, Outcome.ELSEWHERE, origin=installed.origin, reason=f"{how} {installed.origin}")


def _already_in(into: Path, there: WheelNames, installed: InstalledDistribution) -> Collected | None:
    """Found if the very wheel that is installed lies in the collection."""
    files = there.get(_key(installed), []) if installed.rows else []
    same = next((file for file in files if not differences(into / file, installed.rows)), None)
    return None if same is None else _collected(installed, Outcome.FOUND, file=same)


def _judged(installed: InstalledDistribution, folder: Path, chosen: WheelNames, reason: str | None) -> Collected:
    """What pip has chosen, compared with what is installed."""
    files = chosen.get(_key(installed))
    if not files:
        return _collected(installed, Outcome.NOT_FOUND, reason=reason or "pip has found another version")
    other = differences(folder / files[0], installed.rows) if installed.rows else []
    if not other:
        return _collected(installed, Outcome.FOUND, file=files[0])
    more = f" and {len(other) - 1} more" if other[1:] else ""
    return _collected(installed, Outcome.DIFFERS, file=files[0], reason=f"{other[0]}{more}")


def _collected(
    installed: InstalledDistribution,
    outcome: Outcome,
    *,
    file: str | None = None,
    origin: str | None = None,
    reason: str | None = None,
) -> Collected:
    return Collected(
        name=installed.name, version=installed.version, outcome=outcome, file=file, origin=origin, reason=reason
    )


def wheels_of(names: Iterable[str]) -> WheelNames:
    """The wheels among these names, by project and version."""
    wheels: WheelNames = {}
    for name in sorted(names):
        filename = parse_filename(name)
        if isinstance(filename, Filename) and filename.kind is Kind.WHEEL:
            wheels.setdefault((filename.project, str(filename.version)), []).append(name)
    return wheels


def _names_in(into: Path) -> list[str]:
    return [path.name for path in into.iterdir()] if into.is_dir() else []


def _key(installed: InstalledDistribution) -> tuple[Project, str]:
    version = parsed(Version, installed.version)
    return installed.project, str(version or installed.version)

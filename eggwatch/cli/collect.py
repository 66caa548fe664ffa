"""eggwatch collect: downloads the wheels of installed packages or of requirements into a folder."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from eggwatch.cli.output import Bar, json_option, print_json, say
from eggwatch.cli.upload import Login, is_afar, login_options, send_on
from eggwatch.collecting.bundle import SUFFIX, write_bundle
from eggwatch.collecting.collection import (
    GOOD,
    TEMPORARY,
    Collected,
    Outcome,
    collect_installed,
    collect_requested,
    rebuilt_instead,
    show_installed,
    show_requested,
    with_sdists,
)
from eggwatch.collecting.compoze import read_config
from eggwatch.collecting.environment import PythonEnvironment, look_into
from eggwatch.collecting.pip_download import Pip, pip_for
from eggwatch.collecting.requirements import PipRequest, requests
from eggwatch.errors import EggwatchError
from eggwatch.model.names import project_name, shown

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("requirements", nargs=-1, metavar="[REQUIREMENT]…")
@click.option("--site-packages", is_flag=True, help="All installed packages, in exactly the installed versions.")
@click.option(
    "--python",
    type=click.Path(path_type=Path),
    help="The Python of the environment (default: the first in PATH, such as that of an active virtual environment).",
)
@click.option(
    "-r",
    "--requirement",
    "files",
    multiple=True,
    type=FILE,
    help="A requirements file, with hashes or without, or pylock.toml, uv.lock, pyproject.toml.",
)
@click.option("-c", "--constraint", "constraints", multiple=True, type=FILE, help="A constraints file.")
@click.option(
    "--compoze-config", "compoze", multiple=True, type=FILE, help="A configuration file of compoze: indexes, versions."
)
@click.option("--no-deps", is_flag=True, help="Only the requirements, without their dependencies.")
@click.option("--platform", "platforms", multiple=True, metavar="TAG", help="Wheels for this platform (win_amd64).")
@click.option("--python-version", "versions", multiple=True, metavar="VERSION", help="Wheels for this Python (3.12).")
@click.option(
    "--into",
    metavar="DIR|HOST:DIR|URL",
    help="Where to put the archives: a folder, or as in 'upload --to' (default: the current folder, or only --bundle).",
)
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.tar",
    help="Pack the archives with their checksums, for 'publish' and 'index' on another machine.",
)
@click.option("--sdists", is_flag=True, help="Also the sdist of each, in the same version.")
@click.option("--rebuild", is_flag=True, help="Make wheels from the installed files of packages that no index has.")
@click.option("--dry-run", is_flag=True, help="Only say what would be downloaded, and from where.")
@login_options
@json_option
def collect(requirements: tuple[str, ...], site_packages: bool, compoze: tuple[Path, ...], **options: Any) -> None:
    """Collect the wheels of what is installed in an environment, or of requirements.

    The wheels are downloaded by 'pip download', from the indexes that pip is configured for, and nothing is ever
    built. Requirements are downloaded with all their dependencies.

    With --site-packages, each wheel is compared with the installed files. Packages that were installed from a folder,
    a URL or a repository are not requested from an index; --rebuild makes wheels from their installed files.

    --platform and --python-version collect for other machines instead of this one; both can be repeated. You can run
    the same command again: it downloads only what is missing.

    \b
    Examples:
      eggwatch collect --site-packages --into kgs && eggwatch index kgs
      eggwatch collect --site-packages --python /srv/app/venv/bin/python
      eggwatch collect -r requirements.txt --platform win_amd64
      eggwatch collect -r requirements.txt --bundle site.tar
      eggwatch collect django --into https://packages.example.com/
    Exit status: 0 all were found, 1 some are missing, or differ from the
      installed files, 2 pip can't reach an index.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that pip does not go on alone
    older = read_config(compoze)
    login = Login(**{one.name: options.pop(one.name) for one in fields(Login)})
    asked = _Asked(
        **{**options, "into": options["into"] or older.path},
        requirements=(*requirements, *older.requirements),
        site_packages=site_packages or older.site_packages,
    )
    asked.refuse_contradictions()
    sys.exit(not _collect(asked, asked.work(older.indexes), login))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The options, with what a configuration of compoze adds."""

    requirements: tuple[str, ...]
    site_packages: bool
    python: Path | None
    files: tuple[Path, ...]
    constraints: tuple[Path, ...]
    no_deps: bool
    platforms: tuple[str, ...]
    versions: tuple[str, ...]
    into: str | None
    bundle: Path | None
    sdists: bool
    rebuild: bool
    dry_run: bool
    as_json: bool

    def refuse_contradictions(self) -> None:
        """UsageError for options that can't be had together."""
        if not (self.requirements or self.files or self.site_packages):
            raise click.UsageError("Say what to collect: --site-packages, REQUIREMENT or -r FILE.")
        if self.rebuild and (self.platforms or self.versions or not self.site_packages):
            raise click.UsageError(
                "--rebuild makes wheels of what is installed on this machine: use it with --site-packages only."
            )
        if self.dry_run and self.sdists:
            raise click.UsageError("--dry-run does not look for sdists.")
        if self.bundle is not None and self.bundle.suffix != SUFFIX:
            raise click.UsageError(f"--bundle needs a name that ends in {SUFFIX}.")

    def work(self, indexes: tuple[str, ...]) -> _Work:
        """What is to be done; `indexes` are options of pip."""
        more = [word for file in self.constraints for word in ("--constraint", str(file))]
        python = self.python or _first_python()
        return _Work(
            wanted=list(requests(self.requirements, self.files, ["--no-deps", *more] if self.no_deps else more)),
            environment=look_into(python) if self.site_packages else None,
            pips=_pips(replace(pip_for(python), indexes=indexes), self.platforms, self.versions),
            rebuild=self.rebuild,
            sdists=self.sdists,
        )


def _collect(asked: _Asked, work: _Work, login: Login) -> bool:
    """Whether all was found, and sent on where that was asked for."""
    into, bundle, as_json = asked.into, asked.bundle, asked.as_json
    if asked.dry_run:
        return _are_good(list(_told(work.planned(Path(into or ".")), as_json=as_json)))
    with _folder(into, bundle) as folder:
        told = list(_told(work.collected(folder), as_json=as_json))
        archives = sorted({folder / one.file for one in told if one.file})
        if bundle is not None:
            write_bundle(bundle, archives)
        is_sent = into is None or not is_afar(into) or send_on(archives, into, login, as_json=as_json)
    counts = Counter(one.outcome for one in told)
    (print_counts if as_json else say_counts)(counts, str(into or bundle or "."))
    return is_sent and _are_good(told)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What to collect, by which calls of pip."""

    pips: Sequence[Pip]
    wanted: Sequence[PipRequest]
    environment: PythonEnvironment | None
    rebuild: bool
    sdists: bool

    def collected(self, folder: Path) -> Iterator[Collected]:
        """Collect the archives in a folder."""
        wheels = self._wheels(folder)
        return with_sdists(wheels, self.pips[0], folder) if self.sdists else wheels

    def _wheels(self, folder: Path) -> Iterator[Collected]:
        for pip in self.pips:
            for request in self.wanted:
                yield from collect_requested(request, replace(pip, is_watched=sys.stderr.isatty()), folder)
            if self.environment is not None:
                yield from _installed(self.environment, pip, folder, rebuild=self.rebuild)

    def planned(self, into: Path) -> Iterator[Collected]:
        """What would be collected, and from where."""
        for pip in self.pips:
            for request in self.wanted:
                yield from show_requested(request, pip, into)
            if self.environment is not None:
                yield from show_installed(self.environment, pip, into)


def _are_good(told: Sequence[Collected]) -> bool:
    return all(one.outcome in GOOD for one in told)


@contextmanager
def _folder(into: str | None, bundle: Path | None) -> Iterator[Path]:
    """The folder to collect into; a temporary one if the archives are sent elsewhere or only packed."""
    if is_afar(into) if into is not None else bundle is not None:
        with TemporaryDirectory(prefix=TEMPORARY, dir=None if bundle is None else bundle.parent) as name:
            _delete_left_behind(Path(name).parent)
            yield Path(name)
    else:
        _delete_left_behind(Path(into or "."))
        yield Path(into or ".")


def _delete_left_behind(folder: Path) -> None:
    """Delete the temporary folders of runs that were killed, by their age: others may be at work."""
    for path in folder.glob(f"{TEMPORARY}*"):
        with suppress(FileNotFoundError):  # it has just ended
            if path.lstat().st_mtime < time.time() - 86400:
                shutil.rmtree(path, ignore_errors=True)


def _pips(pip: Pip, platforms: Sequence[str], versions: Sequence[str]) -> list[Pip]:
    """One pip for this machine, or one for each platform and version."""
    each_platform: list[tuple[str, ...]] = [("--platform", platform) for platform in platforms]
    each_version: list[tuple[str, ...]] = [("--python-version", version) for version in versions]
    choices = product(each_platform or [()], each_version or [()])
    return [replace(pip, options=(*platform, *version)) for platform, version in choices]


def _installed(environment: PythonEnvironment, pip: Pip, into: Path, *, rebuild: bool) -> Iterator[Collected]:
    progress = Bar("collect", len(environment.installed))
    for collected in collect_installed(environment, pip, into):
        progress.clear()
        yield rebuilt_instead(collected, environment, into) if rebuild else collected
        progress.step()
    progress.clear()


def _told(found: Iterator[Collected], *, as_json: bool) -> Iterator[Collected]:
    """Each result once: one wheel may fit several platforms."""
    told: set[Collected] = set()
    for one in found:
        if one not in told:
            told.add(one)
            (print_result if as_json else say_result)(one)
            yield one


def _first_python() -> Path:
    found = shutil.which("python3") or shutil.which("python")
    if found is None:
        raise EggwatchError("There is no Python in PATH.", remedy="Choose one with --python.")
    return Path(found)


WORDS = {
    Outcome.FOUND: "found",
    Outcome.REBUILT: "rebuilt",
    Outcome.DIFFERS: "differs",
    Outcome.NOT_FOUND: "not found",
    Outcome.ELSEWHERE: "not on an index",
}


def say_result(one: Collected) -> None:
    """Print the result for one archive."""
    if one.outcome is Outcome.DIFFERS:
        text = f"differs from the installed files: {one.file} ({one.reason})"
    elif one.outcome is Outcome.FOUND and one.origin is not None:
        text = f"would be downloaded: {one.origin}"
    else:
        text = f"{WORDS[one.outcome]}: {one.file or one.reason}"
    say(f"{' '.join(filter(None, (one.name, one.version)))}: {text}")


def say_counts(counts: Counter[Outcome], into: str) -> None:
    """Print the totals."""
    numbers = [f"{counts[outcome]} {WORDS[outcome]}" for outcome in Outcome if counts[outcome]]
    say(f"{shown(into)}: {', '.join(numbers) or 'nothing to collect'}")


def print_result(one: Collected) -> None:
    """Print the result for one archive as JSON."""
    row = {"project": project_name(one.name), "version": one.version, "verdict": one.outcome, "file": one.file}
    print_json({**row, "origin": one.origin, "reason": one.reason})


def print_counts(counts: Counter[Outcome], into: str) -> None:
    """Print the totals as JSON."""
    print_json({"into": shown(into), **{outcome.value.replace("-", "_"): counts[outcome] for outcome in Outcome}})

"""eggwatch collect: the archives of what is installed, or asked for, in a folder."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path

import click

from eggwatch.cli.output import Bar, json_option, print_json, say
from eggwatch.collecting.collection import GOOD, Collected, Outcome, collect_installed, rebuilt_instead
from eggwatch.collecting.environment import look_into
from eggwatch.collecting.pip_download import pip_for
from eggwatch.errors import EggwatchError
from eggwatch.model.names import project_name, shown


@click.command()
@click.option("--site-packages", is_flag=True, help="Everything that is installed, in exactly the installed versions.")
@click.option(
    "--python",
    type=click.Path(path_type=Path),
    help="The Python of the environment (default: the first of PATH, so that of an active virtual environment).",
)
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), default=".", help="Where to put the archives."
)
@click.option("--rebuild", is_flag=True, help="Make a wheel of the installed files of what is on no index.")
@json_option
def collect(site_packages: bool, python: Path | None, into: Path, rebuild: bool, as_json: bool) -> None:
    """Collect the wheels of what is installed in an environment.

    The wheels are downloaded by 'pip download', from the indexes that pip is configured for, and nothing is ever
    built. Each wheel is compared with what is installed. Packages that were installed from a folder, a URL or a
    repository are not looked for on an index; --rebuild makes wheels of their installed files. Run the same command
    again: only what is missing is downloaded.

    \b
    Examples:
      eggwatch collect --site-packages --into kgs && eggwatch index kgs
      eggwatch collect --site-packages --python /srv/app/venv/bin/python
    Exit status: 0 all are there, 1 some are missing, or differ from what is
      installed, 2 pip can't reach an index.
    """
    if not site_packages:
        raise click.UsageError("Say what to collect: --site-packages.")
    environment = look_into(python or _first_python())
    pip = pip_for(environment.python)
    progress, results = Bar("collect", len(environment.installed)), []
    for collected in collect_installed(environment, pip, into):
        result = rebuilt_instead(collected, environment, into) if rebuild else collected
        results.append(result)
        progress.clear()
        (print_result if as_json else say_result)(result)
        progress.step()
    progress.clear()
    counts = Counter(result.outcome for result in results)
    (print_counts if as_json else say_counts)(counts, into)
    sys.exit(0 if all(result.outcome in GOOD for result in results) else 1)


def _first_python() -> Path:
    found = shutil.which("python3") or shutil.which("python")
    if found is None:
        raise EggwatchError("There is no Python in PATH.", remedy="Name one with --python.")
    return Path(found)


WORDS = {
    Outcome.FOUND: "found",
    Outcome.REBUILT: "rebuilt",
    Outcome.DIFFERS: "differs",
    Outcome.NOT_FOUND: "not found",
    Outcome.ELSEWHERE: "not on an index",
}


def say_result(one: Collected) -> None:
    """One archive, for people."""
    if one.outcome is Outcome.DIFFERS:
        text = f"differs from what is installed: {one.file} ({one.reason})"
    else:
        text = f"{WORDS[one.outcome]}: {one.file or one.reason}"
    say(f"{one.name} {one.version}: {text}")


def say_counts(counts: Counter[Outcome], into: Path) -> None:
    """The totals, for people."""
    numbers = [f"{counts[outcome]} {WORDS[outcome]}" for outcome in Outcome if counts[outcome]]
    say(f"{shown(str(into))}: {', '.join(numbers) or 'nothing is installed'}")


def print_result(one: Collected) -> None:
    """One archive, for scripts."""
    row = {"project": project_name(one.name), "version": one.version, "verdict": one.outcome, "file": one.file}
    print_json({**row, "origin": one.origin, "reason": one.reason})


def print_counts(counts: Counter[Outcome], into: Path) -> None:
    """The totals, for scripts."""
    print_json({"into": shown(str(into)), **{outcome.value.replace("-", "_"): counts[outcome] for outcome in Outcome}})

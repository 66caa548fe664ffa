"""eggwatch check: the daemon's own judgement of local files. Works where there is no Linux."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib.util import find_spec
from multiprocessing import active_children, get_context
from pathlib import Path

import click

from eggwatch.archives import ExtraCheck, inspect
from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import Ticker, json_option, print_json, say
from eggwatch.config import Config
from eggwatch.errors import ConfigurationError, EggwatchError, NoIndexError
from eggwatch.model.archives import Inspection
from eggwatch.model.names import shown
from eggwatch.model.verdicts import Flaw, Level
from eggwatch.policy.rules import RULES, Profile
from eggwatch.policy.settling import NameKind, kind_of_name, remark_on
from eggwatch.policy.terms import Terms
from eggwatch.policy.weighing import weigh

FORMATS = ("wheel", "sdist")
FEW = 8
"""So many files, or fewer, are judged in this process: starting others would take longer."""
MOST_PROCESSES = 61
"""As many as Windows can wait for."""


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path())
@click.option(
    "--profile",
    type=click.Choice([str(profile) for profile in Profile]),
    help="Judge by this profile alone, whatever is configured.",
)
@index_options
@json_option
def check(selection: Selection, files: tuple[str, ...], profile: str | None, as_json: bool) -> None:
    """Judge local files as the daemon would, without publishing them.

    It looks at each archive alone: whether its name is taken already is known to the index only. The rules
    are those of the configuration, if there is one; no index is needed. `eggwatch explain CODE` says more about
    a flaw. `verify` looks at what is published, and `doctor` at the machine around an index.

    \b
    Examples:
      eggwatch check dist/*
      eggwatch check --profile pypi --json dist/demo-1.0.tar.gz
    """
    terms = Terms(profile=Profile(profile)) if profile is not None else terms_of(selection)
    paths = [Path(file) for file in files]
    _refuse_unreadable(paths)
    ticker, good = Ticker("checked", total=len(files)), True
    for file, found in zip(files, judged(paths), strict=True):
        flaws = weigh(found, terms.profile, terms.rules)
        good &= _say(file, flaws, as_json=as_json)
        ticker(file)
    ticker.done()
    sys.exit(0 if good else 1)


def terms_of(selection: Selection) -> Terms:
    """The terms of the configured index, or the defaults where nothing is configured."""
    try:
        config = selection.load()
    except NoIndexError:
        return Terms()
    return _only_terms(config)


def _only_terms(config: Config) -> Terms:
    """Several indexes may well have the same rules; where they have not, one has to be chosen."""
    terms = [index.terms for index in config.indexes.values()]
    if any((one.profile, one.rules) != (terms[0].profile, terms[0].rules) for one in terms):
        raise ConfigurationError(
            f"There are {len(terms)} indexes with different rules.",
            remedy=f"Choose with --index: {', '.join(config.indexes)}; or with --profile.",
        )
    return terms[0]


def _refuse_unreadable(files: Iterable[Path]) -> None:
    problems = [problem for file in files if (problem := _unreadable(file))]
    if problems:
        raise click.UsageError("; ".join(problems))


def _unreadable(file: Path) -> str | None:
    if not file.is_file():
        return f"No such file: {shown(str(file))}"
    try:
        file.open("rb").close()
    except OSError as error:
        return f"{shown(str(file))} can't be read: {error.strerror}"
    return None


def judged(files: Sequence[Path]) -> Iterator[tuple[Flaw, ...]]:
    """The flaws of each file, in the order of the files, as they were found; many files on all cores."""
    if len(files) <= FEW:
        yield from map(flaws_of, files)
        return
    cores = min(os.cpu_count() or 1, MOST_PROCESSES)
    pool = ProcessPoolExecutor(cores, mp_context=get_context("spawn"), initializer=_leave_interrupts)
    try:
        # Ctrl-C is for this process, which ends the others: on POSIX they inherit that from the moment of their start.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            found = pool.map(flaws_of, files, chunksize=max(1, min(16, len(files) // (4 * cores))))
        finally:
            signal.signal(signal.SIGINT, before)
        yield from found
    except BrokenProcessPool:
        raise EggwatchError(
            "A helping process died while it judged a file; the kernel may have been short of memory.",
            remedy=f"Name the rest of the files in calls of {FEW} and fewer, which need no helpers, to find out which.",
        ) from None
    except BaseException:
        _end_at_once(pool)
        raise
    pool.shutdown()


def _leave_interrupts() -> None:
    """The same where nothing is inherited (Windows)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end_at_once(pool: ProcessPoolExecutor) -> None:
    pool.shutdown(wait=False, cancel_futures=True)
    helpers = active_children()
    for process in helpers:
        process.terminate()
    for process in helpers:
        process.join(5)


def _say(file: str, flaws: tuple[Flaw, ...], *, as_json: bool) -> bool:
    good = all(flaw.level is not Level.REFUSE for flaw in flaws)
    verdict = "admit" if good else "reject"
    if as_json:
        print_json({"file": file, "verdict": verdict, "flaws": [flaw.as_json() for flaw in flaws]})
        return good
    say(f"{shown(file)}: {verdict}")
    for flaw in flaws:
        say(f"  [{flaw.level}] {flaw.code}: {shown(flaw.subject)}\n      {flaw.message}")
    known = dict.fromkeys(flaw.code for flaw in flaws if flaw.code in RULES)
    if known:
        say(f"  More: eggwatch explain {' '.join(known)}")
    return good


def flaws_of(file: Path) -> tuple[Flaw, ...]:
    """Every flaw of one local file, as it was found."""
    if kind_of_name(file.name, FORMATS) is not NameKind.UPLOAD:
        message = remark_on(file.name) or "A temporary name: uploads under it are never looked at. Rename it."
        return (Flaw(code="filename-format", subject=shown(file.name), message=message),)
    return _inspect(file).flaws


def _inspect(file: Path) -> Inspection:
    try:
        with file.open("rb") as archive:
            return inspect(archive, file.name, extra_checks=extra_checks())
    except Exception:
        message = f"eggwatch itself failed on this file; please report it.\n{traceback.format_exc(limit=-5)}"
        return Inspection(flaws=(Flaw(code="eggwatch-error", subject=shown(file.name), message=message),))


def extra_checks() -> tuple[ExtraCheck, ...]:
    """Checks that are too slow for the way to the page; READMEs are rendered where readme-renderer is installed."""
    if find_spec("readme_renderer") is None:
        return ()
    from eggwatch.archives.readme import readme_flaws

    return (readme_flaws,)

"""eggwatch check: the daemon's own judgement of local files. Works where there is no Linux."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from importlib.util import find_spec
from multiprocessing import active_children, get_context
from pathlib import Path

import click

from eggwatch.archives.inspecting import ExtraCheck, inspect
from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import Ticker, json_option, print_json, say
from eggwatch.config.index_config import Config
from eggwatch.errors import ConfigurationError, EggwatchError, NoIndexError
from eggwatch.inspection.inspectors import Inspectors
from eggwatch.inspection.queues import LAST_TRY
from eggwatch.inspection.worker import Job
from eggwatch.model.archives import Inspection
from eggwatch.model.codes import Code
from eggwatch.model.names import only_for, parse_filename, shown
from eggwatch.model.verdicts import Admit, Flaw, Reject, Verdict, VerdictWord
from eggwatch.policy.admission import Upload, judge
from eggwatch.policy.rules import RULES, Profile
from eggwatch.policy.settling import NameKind, kind_of_name, remark_on
from eggwatch.policy.terms import Terms

FORMATS = ("wheel", "sdist")
FEW = 8
"""So many files, or fewer, are judged in this process where there are no inspectors: to start others takes longer."""
MOST_PROCESSES = 61
"""As many as Windows can wait for."""
LIMITED = sys.platform == "linux"
"""Whether this system has what inspectors need: limits, and descriptors handed from one process to another."""
AT_ONCE = 64
"""So many files wait for an inspector at a time."""


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path())
@click.option(
    "--profile",
    type=click.Choice([str(profile) for profile in Profile]),
    help="Use this profile instead of the configured rules.",
)
@index_options
@json_option
def check(selection: Selection, files: tuple[str, ...], profile: str | None, as_json: bool) -> None:
    """Check local files as the daemon would, without publishing them.

    It looks at each archive alone: whether its name is taken already, and who may upload to its project, is known
    to the index only. The rules are those of the configuration, names and sizes among them, if there is one; no index
    is needed. `eggwatch explain` says what each profile refuses, and `eggwatch explain CODE` more about a flaw.
    `verify` looks at what is published, and `doctor` at the machine around an index.

    \b
    Examples:
      eggwatch check dist/*
      eggwatch check --profile pypi --json dist/demo-1.0.tar.gz
    """
    rules = (Terms(profile=Profile(profile)), FORMATS) if profile is not None else rules_of(selection)
    paths = [Path(file) for file in files]
    problems = [problem for file in paths if (problem := _unreadable(file))]
    if problems:
        raise click.UsageError("; ".join(problems))
    ticker, good = Ticker("checked", total=len(files)), True
    for file, path, found in zip(files, paths, inspected(paths), strict=True):
        ticker.done()
        good &= _say(file, verdict_on(path, found, *rules), as_json=as_json)
        ticker(file)
    ticker.done()
    sys.exit(0 if good else 1)


def rules_of(selection: Selection) -> tuple[Terms, tuple[str, ...]]:
    """The terms and formats of the configured index, or the defaults where nothing is configured."""
    try:
        config = selection.load()
    except NoIndexError:
        return Terms(), FORMATS
    return _only_rules(config)


def _only_rules(config: Config) -> tuple[Terms, tuple[str, ...]]:
    """Several indexes may well have the same rules; where they have not, one has to be chosen."""
    rules = [(_looked_at(index.terms), index.formats) for index in config.indexes.values()]
    if any(one != rules[0] for one in rules):
        raise ConfigurationError(
            f"There are {len(rules)} indexes with different rules.",
            remedy=f"Choose with --index: {', '.join(config.indexes)}; or with --profile.",
        )
    return rules[0]


def _looked_at(terms: Terms) -> Terms:
    """The terms without what only an index can judge by."""
    return replace(terms, first_uploader_owns=False, owners=terms.owners if terms.reserved_prefixes else {})


def verdict_on(file: Path, inspection: Inspection, terms: Terms, formats: tuple[str, ...]) -> Verdict:
    """The daemon's verdict on a complete file of no particular account, in an empty index."""
    if (flaw := _no_upload(file, formats)) is not None:
        return Reject(flaws=(flaw,))
    upload = Upload(
        filename=parse_filename(file.name),
        sha256="",
        inspection=inspection,
        holding=None,
        overdue=True,
        size=file.stat().st_size,
    )
    return judge(upload, terms)


def _unreadable(file: Path) -> str | None:
    if not file.is_file():
        return f"No such file: {shown(str(file))}"
    try:
        file.open("rb").close()
    except OSError as error:
        return f"{shown(str(file))} can't be read: {error.strerror}"
    return None


def inspected(files: Sequence[Path]) -> Iterator[Inspection]:
    """What is found in each file, in the order of the files; many files on all cores.

    Where there are limits on memory and time for a process (Linux), it is the daemon's inspectors who look.
    """
    if LIMITED:
        return _by_inspectors(files)
    return map(inspection_of, files) if len(files) <= FEW else _by_helpers(files)


def _by_inspectors(files: Sequence[Path]) -> Iterator[Inspection]:
    readme = bool(extra_checks())
    found: dict[int, Inspection] = {}
    waiting = enumerate(files)
    with Inspectors(slow=os.cpu_count() or 1, first_try=LAST_TRY, readme=readme) as inspectors:
        for number in range(len(files)):
            while number not in found:
                _hand_over(waiting, inspectors, found, readme=readme)
                for one in inspectors.poll(1.0):
                    found[one.number] = one.inspection or _failed(files[one.number], one.trouble or "")
            yield found.pop(number)


def _hand_over(
    waiting: Iterator[tuple[int, Path]], inspectors: Inspectors, found: dict[int, Inspection], *, readme: bool
) -> None:
    """Give the inspectors enough to do; what is no upload they need not look at."""
    while inspectors.busy() < AT_ONCE and (another := next(waiting, None)) is not None:
        number, file = another
        if (flaw := _no_upload(file)) is not None:
            found[number] = Inspection(flaws=(flaw,))
            continue
        path = file.resolve()
        inspectors.submit(Job(number=number, path=path, filename=file.name, size=path.stat().st_size, readme=readme))


def _by_helpers(files: Sequence[Path]) -> Iterator[Inspection]:
    cores = min(os.cpu_count() or 1, MOST_PROCESSES)
    pool = ProcessPoolExecutor(cores, mp_context=get_context("spawn"), initializer=_leave_interrupts)
    try:
        # Ctrl-C is for this process, which ends the others: on POSIX they inherit that from the moment of their start.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            found = pool.map(inspection_of, files, chunksize=max(1, min(16, len(files) // (4 * cores))))
        finally:
            signal.signal(signal.SIGINT, before)
        yield from found
    except BrokenProcessPool:
        raise EggwatchError(
            "A worker process died while it checked a file; the machine may be out of memory.",
            remedy=f"Check the other files in calls of at most {FEW}, which use no workers, to find out which it was.",
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


def _say(file: str, found: Verdict, *, as_json: bool) -> bool:
    good = isinstance(found, Admit)
    flaws = found.flaws if isinstance(found, Reject) else found.warnings if isinstance(found, Admit) else ()
    verdict = VerdictWord.ADMIT if good else VerdictWord.REJECT
    if as_json:
        print_json({"file": file, "verdict": verdict, "flaws": [flaw.as_json() for flaw in flaws]})
        return good
    say(f"{shown(file)}: {verdict}")
    if good and (note := only_for(Path(file).name)) is not None:
        say(f"  {shown(note)}")
    say_flaws(flaws, say)
    return good


def say_flaws(flaws: Sequence[Flaw], say_line: Callable[[str], None]) -> None:
    """Print flaws, and how to read more about them."""
    for flaw in flaws:
        say_line(f"  [{flaw.level}] {flaw.code}: {shown(flaw.subject)}\n      {flaw.message}")
    if known := dict.fromkeys(flaw.code for flaw in flaws if flaw.code in RULES):
        say_line(f"  More: eggwatch explain {' '.join(known)}")


def inspection_of(file: Path) -> Inspection:
    """What is found in one local file, in this process."""
    flaw = _no_upload(file)
    return _inspect(file) if flaw is None else Inspection(flaws=(flaw,))


def _no_upload(file: Path, formats: tuple[str, ...] = FORMATS) -> Flaw | None:
    """Why the drop folder would leave a file of this name alone; None if it would not."""
    if kind_of_name(file.name, formats) is NameKind.UPLOAD:
        return None
    message = remark_on(file.name) or "A temporary name: uploads under it are never looked at. Rename it."
    return Flaw(code=Code.FILENAME_FORMAT, subject=shown(file.name), message=message)


def _inspect(file: Path) -> Inspection:
    try:
        with file.open("rb") as archive:
            return inspect(archive, file.name, extra_checks=extra_checks())
    except Exception:
        return _failed(file, traceback.format_exc(limit=-5))


def _failed(file: Path, trouble: str) -> Inspection:
    message = f"eggwatch itself failed on this file; please report it.\n{trouble}"
    return Inspection(flaws=(Flaw(code=Code.EGGWATCH_ERROR, subject=shown(file.name), message=message),))


def extra_checks() -> tuple[ExtraCheck, ...]:
    """Checks that are too slow for the way to the page; READMEs are rendered where readme-renderer is installed."""
    if find_spec("readme_renderer") is None:
        return ()
    from eggwatch.archives.metadata.readme import readme_flaws

    return (readme_flaws,)

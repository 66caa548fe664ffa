"""eggwatch publish: copy files into the drop folder, and print the verdict on each."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import click

from eggwatch.cli.logs import log_to_stderr
from eggwatch.cli.options import Selection, duration_option, index_options
from eggwatch.cli.output import json_option, print_json, say, say_error
from eggwatch.cli.wait import Answer, understand, wait_for
from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import FolderError, LockHeldError, TimeoutReachedError
from eggwatch.model.names import shown
from eggwatch.pipeline.rounds import run_until_rest
from eggwatch.policy.settling import remark_on
from eggwatch.readers.local import IndexReader, is_upload
from eggwatch.store.durable import NEW_FILE
from eggwatch.writer.ask import told_index

READABLE = 0o644
"""The mode of a copy: whatever the umask, the daemon's account must be able to read it."""


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@index_options
@click.option("--timeout", default="5m", show_default=True, help="How long to wait for all verdicts together.")
@json_option
def publish(selection: Selection, files: tuple[Path, ...], timeout: str, as_json: bool) -> None:
    """Copy files into the drop folder, wait, and print each verdict.

    \b
    Example:  eggwatch publish dist/*
    Exit status: 0 all installable, 1 something was rejected, 4 timeout.
    """
    missing = [shown(str(file)) for file in files if not file.is_file()]
    if missing:
        raise click.UsageError(f"No such file: {', '.join(missing)}")
    log_to_stderr(quiet=True)
    config, seconds = selection.one(), duration_option(timeout)
    wanted = [file for file in files if is_upload(file, config)]
    for file in wanted:
        copy_in(file, config)
    if wanted:
        _work_if_nobody_does(config)
    good = [_report(config, file, seconds, as_json=as_json, copied=file in wanted) for file in files]
    sys.exit(0 if all(good) else 1)


def copy_in(file: Path, config: IndexConfig) -> None:
    """Copy one file into the drop folder under a temporary name, and give it its own when it is whole."""
    temporary = config.drop / f".eggwatch-copy-{os.getpid()}-{secrets.token_hex(8)}"
    try:
        # Others may write to the folder: neither into a file of theirs, nor through a link.
        with file.open("rb") as original, open(os.open(temporary, NEW_FILE, READABLE), "wb") as copy:
            shutil.copyfileobj(original, copy)
            copy.flush()
            os.fchmod(copy.fileno(), READABLE)
            os.fsync(copy.fileno())
        temporary.rename(config.drop / file.name)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise FolderError(
            f"{file} can't be copied into {config.drop}: {error.strerror}.",
            remedy="Make sure that the folder is there and that this account may write to it.",
        ) from error


def _work_if_nobody_does(config: IndexConfig) -> bool:
    """Without a daemon this command publishes the files itself, if it may; False if another process holds the lock."""
    try:
        with told_index(config) as index:
            run_until_rest(index.pipeline)
    except LockHeldError:
        return False
    except FolderError as error:
        if not IndexReader(config=config).is_running():
            say_error(f"No daemon is running, and this command can't publish the files itself: {error}")
    return True


def _report(config: IndexConfig, file: Path, seconds: float, *, as_json: bool, copied: bool) -> bool:
    answer = _verdict(config, file, seconds) if copied else _not_taken(file)
    if as_json:
        event = None if answer.event is None else answer.event.as_json()
        print_json({"file": shown(str(file)), "installable": answer.there, "text": answer.text, "event": event})
    else:
        say(answer.text)
    return answer.there


def _verdict(config: IndexConfig, file: Path, seconds: float) -> Answer:
    path = file if "/" in str(file) else Path(".") / file
    try:
        work = partial(_work_if_nobody_does, config)
        return wait_for(IndexReader(config=config), understand(str(path)), seconds=seconds, work=work)
    except TimeoutReachedError as error:
        say_error(str(error))
        raise


def _not_taken(file: Path) -> Answer:
    return Answer(
        there=False, text=f"{shown(str(file))}: not accepted. {remark_on(file.name) or 'A temporary name; rename it.'}"
    )

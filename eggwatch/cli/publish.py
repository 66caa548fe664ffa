"""eggwatch publish: copy files into the drop folder, and print the verdict on each."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import IO

import click

from eggwatch.cli.logs import log_to_stderr
from eggwatch.cli.options import Selection, duration_option, index_options
from eggwatch.cli.output import json_option, say_error
from eggwatch.cli.wait import Answer, Wanted, answer_by, exit_status, report, understand
from eggwatch.collecting.bundle import Packed, is_bundle, read_bundle
from eggwatch.config.index_config import IndexConfig
from eggwatch.errors import FolderError, LockHeldError
from eggwatch.model.names import shown
from eggwatch.pipeline.rounds import run_until_rest
from eggwatch.policy.orders import parse_spec
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

    FILE may be a bundle of 'eggwatch collect --bundle': its archives are copied. Nothing is copied if an archive in a
    bundle does not equal its checksum.

    \b
    Examples:
      eggwatch publish dist/*
      eggwatch publish site.tar
    Exit status: 0 all installable, 1 something was rejected, 4 timeout.
    """
    missing = [shown(str(file)) for file in files if not file.is_file()]
    if missing:
        raise click.UsageError(f"No such file: {', '.join(missing)}")
    log_to_stderr(quiet=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no copy is left behind
    config, seconds = selection.one(), duration_option(timeout)
    uploads = [upload for file in files for upload in _uploads(file, config)]
    copied = [upload for upload in uploads if upload.wanted is not None]
    for upload in copied:
        copy_in(upload, config)
    if copied:
        _work_if_nobody_does(config)
    deadline = time.monotonic() + seconds
    answers = [report("file", one.text, _verdict(config, one, deadline), as_json=as_json) for one in uploads]
    sys.exit(exit_status(answers))


@dataclass(frozen=True, slots=True, kw_only=True)
class ToCopy:
    """A file, and what messages call it; `wanted` is None if the index does not accept such files."""

    name: str
    text: str
    wanted: Wanted | None
    write: Callable[[IO[bytes]], None]
    """Writes its content."""


def _uploads(file: Path, config: IndexConfig) -> Iterator[ToCopy]:
    """A file, or each archive of a bundle."""
    if not is_bundle(file):
        yield upload_of(file, config)
        return
    bundle = read_bundle(file)
    if not bundle.archives:
        say_error(f"{shown(str(file))} contains no archives.")
    for one in bundle.archives:
        wanted = _wanted(file, one)
        is_taken = is_upload(Path(one.filename), config)
        yield ToCopy(
            name=one.filename, text=wanted.text, wanted=wanted if is_taken else None, write=partial(bundle.copy, one)
        )


def _wanted(bundle: Path, one: Packed) -> Wanted:
    return Wanted(
        text=f"{shown(str(bundle))}: {shown(one.filename)}",
        spec=parse_spec(one.filename),
        filename=one.filename,
        sha256=one.sha256,
    )


def upload_of(file: Path, config: IndexConfig) -> ToCopy:
    def write(copy: IO[bytes]) -> None:
        with file.open("rb") as original:
            shutil.copyfileobj(original, copy)

    wanted = understand(str(file if "/" in str(file) else Path(".") / file)) if is_upload(file, config) else None
    return ToCopy(name=file.name, text=shown(str(file)), wanted=wanted, write=write)


def copy_in(upload: ToCopy, config: IndexConfig) -> None:
    """Copy a file into the drop folder under a temporary name, and rename it when it is complete."""
    temporary = config.drop / f".eggwatch-copy-{os.getpid()}-{secrets.token_hex(8)}"
    try:
        # Others may write to the folder: neither into a file of theirs, nor through a link.
        with open(os.open(temporary, NEW_FILE, READABLE), "wb") as copy:
            upload.write(copy)
            copy.flush()
            os.fchmod(copy.fileno(), READABLE)
            os.fsync(copy.fileno())
        temporary.rename(config.drop / upload.name)
    except OSError as error:
        raise FolderError(
            f"{upload.text} can't be copied into {config.drop}: {error.strerror}.",
            remedy="Make sure that the folder is there and that this account may write to it.",
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _work_if_nobody_does(config: IndexConfig) -> bool:
    """Publish the files without a daemon, if permissions allow; False if another process holds the lock."""
    try:
        with told_index(config) as index:
            run_until_rest(index.pipeline)
    except LockHeldError:
        return False
    except FolderError as error:
        if not IndexReader(config=config).is_running():
            _say_once(f"No daemon is running, and this command can't publish the files itself: {error}")
    return True


@cache
def _say_once(text: str) -> None:
    """Say what each of the files would meet."""
    say_error(text)


def _verdict(config: IndexConfig, upload: ToCopy, deadline: float) -> Answer:
    if upload.wanted is None:
        return _not_taken(upload)
    work = partial(_work_if_nobody_does, config)
    return answer_by(IndexReader(config=config), upload.wanted, deadline=deadline, work=work)


def _not_taken(upload: ToCopy) -> Answer:
    why = remark_on(upload.name) or "A temporary name; rename it."
    return Answer(there=False, text=f"{upload.text}: not accepted. {why}")

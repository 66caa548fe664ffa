"""eggwatch init and config check: a configuration that works, and what is wrong with one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from eggwatch.cli.addresses import ask_for_url, setting_of_url
from eggwatch.cli.next_steps import after_init
from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import json_option, print_json, say, say_error
from eggwatch.config.index_config import IndexConfig
from eggwatch.config.loading import LOCAL_FILE, WrongConfigurationError, in_full, load
from eggwatch.config.settings import FOLDERS, sample
from eggwatch.errors import ConfigurationError
from eggwatch.linux.access import is_shared
from eggwatch.model.counting import counted
from eggwatch.readers.logins import unknown_groups, unknown_owners
from eggwatch.webserver.passwords import check_passwords
from eggwatch.writer.index import check_sources


@click.command()
@click.option("--output", metavar="FILE", help=f"Where to write it.  [default: --config, else {LOCAL_FILE}]")
@setting_of_url
@index_options
def init(selection: Selection, output: str | None, url: str | None) -> None:
    """Write a commented eggwatch.toml that works as it is, and the drop folder that it names.

    Without --url it asks for the URL on a terminal; the default is where 'run --serve' listens.

    \b
    Example:  eggwatch init && eggwatch run --serve 8080
    """
    path = in_full(Path(output) if output else selection.config or LOCAL_FILE)
    folders = {key: os.path.abspath(folder) for key in FOLDERS if (folder := getattr(selection, key)) is not None}
    if url is None and not os.path.lexists(path):
        url = ask_for_url("URL that clients will use (Enter: where 'run --serve' listens)", None)
    try:
        text = sample({**folders, **({} if url is None else {"url": url})}).encode()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(text)
    except UnicodeEncodeError:
        raise ConfigurationError("A folder whose name is no UTF-8 can't be written in a configuration.") from None
    except FileExistsError:
        raise ConfigurationError(f"{path} already exists.", remedy="Edit it, or choose another --output.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} can't be written: {error.strerror}.") from error
    drop = selection.drop.absolute() if selection.drop else path.resolve().parent / "drop"
    made = "" if drop.is_dir() else f", and made {drop}"
    drop.mkdir(parents=True, exist_ok=True)
    say_error(f"Wrote {path}{made}.")
    for line in after_init(next(iter(load(path).indexes.values())), path):
        say_error(line)


@click.command()
@click.argument("what", metavar="check", type=click.Choice(["check"]))
@index_options
@json_option
def config(selection: Selection, what: str, as_json: bool) -> None:
    """Report all errors in the configuration, with line numbers, and what is missing on this machine.

    \b
    Examples:
      eggwatch config check
      eggwatch --config /etc/eggwatch/eggwatch.toml config check --json
    Exit status: 0 good, 1 this machine lacks what it names, 2 wrong.
    """
    try:
        found = selection.load()
    except WrongConfigurationError as error:
        if not as_json:
            raise
        problems = [{"line": one.line, "where": one.where, "message": one.what} for one in error.problems]
        print_json({"file": str(error.path), "valid": False, "problems": problems, "lacking": []})
        sys.exit(error.exit_code)
    lacking = [sentence for index in found.indexes.values() for sentence in _lacking(index)]
    file = None if found.source is None else str(found.source)
    if as_json:
        print_json({"file": file, "valid": True, "problems": [], "lacking": lacking})
    else:
        count = counted(len(found.indexes), "index", "indexes")
        verdict = "this machine lacks what it names" if lacking else "good"
        say(f"{file or 'no file'}: {verdict}; {count}: {', '.join(found.indexes)}")
        for sentence in lacking:
            say(f"  {sentence}")
    sys.exit(1 if lacking else 0)


def _lacking(index: IndexConfig) -> list[str]:
    """What a sound configuration names and this machine does not have."""
    where = f"[index.{index.name}]"
    lacking = []
    if not index.drop.is_dir() and not index.makes_folders:
        lacking.append(f"{where} drop: there is no folder {index.drop}; make it, or mount it")
    for key, folder in (("public", index.public), ("state", index.state)):
        if not folder.is_dir() and not os.access(_nearest(folder), os.W_OK | os.X_OK):
            lacking.append(f"{where} {key}: {folder} is not there, and this account may not make it")
    if index.identity == "folder" and index.drop.is_dir() and is_shared(index.drop.stat()):
        lacking.append(
            f"{where} identity: others than its owner may write to {index.drop}, and so make the folder of an account "
            "that has none yet; chmod 755 it, and make the folders yourself"
        )
    lacking += [f"{where}: this machine has no group {group!r}" for group in unknown_groups(index)]
    return lacking + _lacking_sources(index) + _lacking_users(index, where)


def _lacking_sources(index: IndexConfig) -> list[str]:
    try:
        check_sources(index)
    except ConfigurationError as error:
        return [str(error)]
    return []


def _lacking_users(index: IndexConfig, where: str) -> list[str]:
    try:
        if index.uploads is not None and index.uploads.users is not None:
            check_passwords(index.uploads.users)
        return [f"{where} owners: this machine has no account {name!r}" for name in unknown_owners(index)]
    except ConfigurationError as error:
        return [f"{where} uploads: {error}"]
    except OSError as error:
        return [f"{where} uploads: {error.filename} can't be read: {error.strerror}"]


def _nearest(folder: Path) -> Path:
    return next(above for above in folder.parents if above.exists())

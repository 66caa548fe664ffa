"""Checks of a separate HTTP server for uploads: its account, its folder, its units."""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Iterator

from eggwatch.doctor.environment import CheckOutcome, Environment, Finding
from eggwatch.doctor.folders import quoted
from eggwatch.linux.accounts import HTTP_FOLDER, account_name

OTHERS_WRITE = 0o022


def server(around: Environment) -> Iterator[CheckOutcome]:
    """The account exists, DROP/http/ belongs to it alone, and the units of `setup` have not failed."""
    uploads = around.config.uploads
    if uploads is None or uploads.account is None:
        return
    yield from _failed(around)
    account, folder = uploads.account, around.config.drop / HTTP_FOLDER
    word = shlex.quote(account)
    try:
        pwd.getpwnam(account)
    except KeyError:
        remedy = f"sudo eggwatch setup, or: useradd --system {word}"
        yield Finding(where=account, problem="the account that receives uploads does not exist", remedy=remedy)
        return
    try:
        status = os.stat(folder, follow_symlinks=False)
    except FileNotFoundError:
        remedy = f"sudo eggwatch setup, or: install -d -o {word} -g {word} -m 755 {quoted(folder)}"
        yield Finding(where=folder, problem=f"there is no such folder for what {account} receives", remedy=remedy)
        return
    if (owner := account_name(status.st_uid)) != account or status.st_mode & OTHERS_WRITE:
        problem = f"it belongs to {owner}, and has to belong to {account}, who alone may write to it"
        remedy = f"chown -R {word}: {quoted(folder)}; chmod 755 {quoted(folder)}"
        yield Finding(where=folder, problem=problem, remedy=remedy)


def _failed(around: Environment) -> Iterator[Finding]:
    for unit in around.http_units:
        if unit.properties.get("ActiveState") == "failed":
            remedy = f"journalctl -u {unit.name} -e; systemctl restart {unit.name}"
            yield Finding(where=unit.name, problem="has failed", remedy=remedy)

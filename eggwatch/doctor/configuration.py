"""Checks of accounts, groups and servers in the configuration."""

from __future__ import annotations

import os
import shlex
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from eggwatch.doctor.environment import CheckOutcome, Environment, Finding
from eggwatch.doctor.folders import quoted
from eggwatch.model.instructions import trusted_host
from eggwatch.policy.subscriptions import Mail, Webhook
from eggwatch.readers.logins import ANONYMOUS, known_users, unknown_groups, unknown_owners

SECONDS = 5.0
"""How long a server may take to answer a connection."""


def names(around: Environment) -> Iterator[CheckOutcome]:
    """The accounts and groups of `owners` and `group` exist, or are users of uploads over HTTP."""
    for group in unknown_groups(around.config):
        yield _lacking(around, f"names the group {group}, which does not exist here", f"groupadd {group}")
    for account in unknown_owners(around.config):
        problem = f"names the account {account}, which does not exist here"
        yield _lacking(around, problem, f"useradd {account}{_as_user(around, account)}")


def _as_user(around: Environment, name: str) -> str:
    door = around.config.uploads
    if door is None:
        return ""
    if door.users is None:
        return f", or eggwatch token create --user {name}"
    return f", or htpasswd -BC 12 {quoted(door.users)} {name}"


def logins(around: Environment) -> Iterator[CheckOutcome]:
    """Passwords and tokens for uploads over HTTP are only sent encrypted, and not every account can read the hashes."""
    door, host = around.config.uploads, trusted_host(around.config.url or "https://")
    if door is not None and host is not None and (door.users is not None or known_users(around.config) - {ANONYMOUS}):
        problem = f"passwords and tokens for uploads are sent unencrypted to {host}"
        yield _lacking(around, problem, "serve it over HTTPS by a web server in front, and set 'url' to https://...")
    if door is not None and door.users is not None and _is_for_everybody(door.users):
        account = door.account or (around.account.name if around.account else "ACCOUNT-OF-THE-SERVER")
        account, file = shlex.quote(account), quoted(door.users)
        problem = "every account of this machine may read the hashes, and guess the passwords"
        yield Finding(where=door.users, problem=problem, remedy=f"chmod o= {file}; setfacl -m u:{account}:r {file}")


def _is_for_everybody(file: Path) -> bool:
    try:
        return bool(os.stat(file).st_mode & stat.S_IROTH)
    except OSError:  # `config check` says so
        return False


def _lacking(around: Environment, problem: str, remedy: str) -> Finding:
    where = f"[index.{around.config.name}]" if around.source is None else str(around.source)
    return Finding(where=where, problem=problem, remedy=f"{remedy}, or fix the configuration")


def mail(around: Environment) -> Iterator[CheckOutcome]:
    """The mail servers accept connections."""
    servers = {(one.server.host, one.server.port) for one in around.config.subscriptions if isinstance(one, Mail)}
    for host, port in sorted(servers):
        yield from reached("mail", host, port)


def webhooks(around: Environment) -> Iterator[CheckOutcome]:
    """The webhook servers accept connections, if their URL is in the configuration."""
    for one in around.config.subscriptions:
        if isinstance(one, Webhook) and one.url is not None:
            parts = urlsplit(one.url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            yield from reached(one.name, parts.hostname or "", port)


def reached(what: str, host: str, port: int) -> Iterator[Finding]:
    """Nothing if a server accepts a connection; no data is sent."""
    where = f"{what}: {host}:{port}"
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except socket.gaierror:
        problem = "there is no host of that name"
        yield Finding(where=where, problem=problem, remedy=f"fix the setting; check with: getent hosts {host}")
    except OSError as error:
        reason = "does not answer" if isinstance(error, TimeoutError) else (error.strerror or str(error))
        remedy = f"start it, or fix the setting; check with: nc -vz {host} {port}"
        yield Finding(where=where, problem=f"can't be reached: {reason}", remedy=remedy)

"""The table [index.NAME.uploads] of eggwatch.toml: whether packages may be uploaded over HTTP, and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from eggwatch.config.grammar import Setting, flag, read_table, text


class Anonymous(StrEnum):
    """Where uploads without a login are accepted."""

    NOWHERE = "nowhere"
    LOOPBACK = "loopback"
    EVERYWHERE = "everywhere"


class Register(StrEnum):
    """How `register` of old distutils is answered."""

    REJECT = "reject"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadDoor:
    """Settings of uploads over HTTP.

    A file in DROP/http/USER/ that belongs to `account` (None: the daemon's own) was uploaded by USER. `users` is a file
    written by htpasswd; with `remote_user`, the web server in front has logged in the user.
    """

    account: str | None = None
    users: Path | None = None
    remote_user: bool = False
    anonymous: Anonymous = Anonymous.NOWHERE
    register: Register = Register.REJECT


def _anonymous(value: object) -> Anonymous:
    if isinstance(value, bool):
        return Anonymous.LOOPBACK if value else Anonymous.NOWHERE
    if value != Anonymous.EVERYWHERE:
        raise ValueError('is none of true, false, "everywhere"')
    return Anonymous.EVERYWHERE


def _register(value: object) -> Register:
    if value not in list(Register):
        raise ValueError(f"is none of {', '.join(Register)}")
    return Register(str(value))


UPLOADS: dict[str, Setting] = {
    "users": Setting(
        says="Users and their passwords, as htpasswd writes them (bcrypt, or argon2).",
        read=text,
        example='"/etc/eggwatch/htpasswd"',
    ),
    "remote-user": Setting(
        says="The web server in front has logged in the user, and says so in REMOTE_USER (mod_wsgi, gunicorn).",
        read=flag,
        default="false",
    ),
    "anonymous": Setting(
        says='Accept uploads without a login: true on the loopback address only, "everywhere" from all clients.',
        read=_anonymous,
        default="false",
    ),
    "register": Setting(
        says='How `setup.py register` is answered: "reject" as PyPI does, or "accept".',
        read=_register,
        default='"reject"',
    ),
    "account": Setting(
        says="The account that the HTTP server runs as, if it is not the daemon's. Only what it has put into "
        "DROP/http/USER/ counts as uploaded by USER.",
        read=text,
        example='"eggwatch-http"',
    ),
}


def uploads(value: object) -> UploadDoor:
    """[index.NAME.uploads]."""
    values = read_table(value, UPLOADS)
    users = values.pop("users", None)
    return UploadDoor(**values, users=None if users is None else Path(users))


DOOR = Setting(says="Uploads over HTTP, by twine, uv and others. Without this table there are none.", read=uploads)

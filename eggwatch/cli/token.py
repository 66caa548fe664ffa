"""eggwatch token create, list, revoke: API tokens for uploads over HTTP."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from eggwatch.cli.options import Selection, index_options, seconds_of
from eggwatch.cli.orders import actor
from eggwatch.cli.output import json_option, print_json, say, say_error
from eggwatch.config.index_config import IndexConfig
from eggwatch.config.settings import TERMS
from eggwatch.linux.accounts import HTTP_FOLDER, USER
from eggwatch.model.events import timestamp
from eggwatch.store.state.tokens import ACTIONS, Token, TokenFile, TokenUses, digest, id_of, new_secret
from eggwatch.writer.folders import make_folders, permissions_of


@click.group()
def token() -> None:
    """Create, list and revoke API tokens for uploads over HTTP.

    A client uses a token as the password of the user __token__. Its uploads belong to the user that the token was
    created for, and 'owners' applies as to an account of that name.

    \b
    Example:  eggwatch token create --user ci --project 'acme-*' --expires 90d
    """


@token.command()
@index_options
@click.option("--user", required=True, metavar="NAME", help="The user that uploads belong to.")
@click.option("--project", "projects", multiple=True, metavar="PATTERN", help="Only for these projects.  [repeatable]")
@click.option("--expires", metavar="TIME", help="How long it is valid, such as 90d.  [default: until it is revoked]")
@click.option(
    "--may",
    type=click.Choice(ACTIONS),
    multiple=True,
    default=("upload",),
    help="What the token allows.  [repeatable; default: upload]",
)
@json_option
def create(
    selection: Selection, user: str, projects: tuple[str, ...], expires: str | None, may: tuple[str, ...], as_json: bool
) -> None:
    """Create a token and print it: it is stored as a hash, and can't be shown again.

    \b
    Examples:
      eggwatch token create --user ci --project 'acme-*' --expires 90d
      eggwatch token create --user alice --may upload --may yank
    """
    config, now, secret = selection.one(), time.time(), new_secret()
    made = Token(
        id=str(id_of(secret)),
        sha256=digest(secret),
        user=_user(user),
        projects=_patterns(projects),
        may=tuple(action for action in ACTIONS if action in may),
        created=timestamp(now),
        actor=actor(),
        expires=None if expires is None else timestamp(now + seconds_of("--expires", expires)),
    )
    make_folders(config, permissions_of(config))
    _file(config).add(made)
    if as_json:
        print_json({"token": secret, **_row(made, None)})
        return
    say(secret)
    say_error(f"It is not shown again. To revoke it: eggwatch token revoke {made.id}")
    if config.uploads is None:
        say_error(f"Uploads over HTTP are not configured: add the table [index.{config.name}.uploads].")


def _user(name: str) -> str:
    if USER.fullmatch(name) is None:
        raise click.UsageError(
            "--user: a name has 1 to 64 letters, digits and . _ @ + -, and begins with a letter or digit."
        )
    return name


def _patterns(projects: tuple[str, ...]) -> tuple[str, ...]:
    try:
        patterns: tuple[str, ...] = TERMS["allowed-names"].read(list(projects))
    except ValueError as error:
        raise click.UsageError(f"--project {error}.") from error
    return patterns


def _file(config: IndexConfig) -> TokenFile:
    return TokenFile(config.state, permissions_of(config))


def _row(one: Token, used: float | None) -> dict[str, Any]:
    """The data of a token, without its secret."""
    told = {"id": one.id, "user": one.user, "projects": list(one.projects), "may": list(one.may)}
    times = {"created": one.created, "expires": one.expires, "last_used": None if used is None else timestamp(used)}
    return {**told, **times, "actor": one.actor}


@token.command("list")
@index_options
@json_option
def list_(selection: Selection, as_json: bool) -> None:
    """List all tokens: id, user, projects, what they allow, when they expire and were last used (UTC).

    \b
    Example:  eggwatch token list --json
    """
    config = selection.one()
    uses, now = TokenUses(config.drop / HTTP_FOLDER).all(), time.time()
    tokens = list(_file(config).read().values())
    if as_json:
        for one in tokens:
            print_json(_row(one, uses.get(one.id)))
    else:
        _say_columns([_columns(one, uses.get(one.id), now) for one in tokens])


def _columns(one: Token, used: float | None, now: float) -> tuple[str, ...]:
    ends = "never expires" if one.expires is None else f"expires {one.expires[:10]}"
    ends = f"expired {one.expires[:10]}" if one.expires and one.is_expired(now) else ends
    last = "never used" if used is None else f"used {timestamp(used)[:16]}Z"
    return one.id, one.user, ", ".join(one.projects) or "all projects", ", ".join(one.may), ends, last


def _say_columns(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip())


@token.command()
@click.argument("token_id", metavar="ID")
@index_options
@json_option
def revoke(selection: Selection, token_id: str, as_json: bool) -> None:
    """Revoke a token: it is rejected from now on. ID is what 'token list' shows, or the token itself.

    \b
    Example:  eggwatch token revoke 1f00ba47
    """
    wanted = id_of(token_id) or token_id
    gone = _file(selection.one()).revoke(wanted)
    if as_json:
        print_json({"id": wanted, "revoked": gone is not None, "user": gone.user if gone else None})
    else:
        say(f"revoked {wanted}, of {gone.user}" if gone else "There is no such token. 'eggwatch token list' lists all.")
    sys.exit(0 if gone else 1)

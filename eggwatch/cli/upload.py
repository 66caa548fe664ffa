"""eggwatch upload: uploads from any machine, over HTTP or by scp, and prints each verdict."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click

from eggwatch.cli.afar_orders import TOKEN_OPTIONS, NotNowError, token_of
from eggwatch.cli.options import Selection, duration_option, index_options
from eggwatch.cli.output import json_option, print_json, say, say_error
from eggwatch.cli.sending import Repository, basic
from eggwatch.cli.wait import Answer, look, understand, wait_for
from eggwatch.errors import EggwatchError
from eggwatch.model.instructions import trusted_host
from eggwatch.model.names import shown
from eggwatch.readers.remote import NotReachedError, RemoteReader

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
SECONDS = 300.0
"""How long a server may say 503 to what was collected."""

_BY_SCP = re.compile(r"(?!-)(?:[^/:\[\]]+|[^/:\[\]]*\[[^\]/]+\]):.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The options to log in with."""

    user: str | None
    password_file: Path | None
    token: str | None
    token_file: Path | None

    def header(self) -> str | None:
        """The value of the Authorization header; None without a login. click.UsageError if the password is missing."""
        if self.user is not None:
            return basic(self.user, self._password())
        if self.password_file is not None:
            raise click.UsageError("--password-file needs --user.")
        if self.token is None and self.token_file is None:
            return None
        return f"Bearer {token_of(self.token, self.token_file)}"

    def _password(self) -> str:
        if self.password_file is not None:
            return self.password_file.read_text("utf-8", "replace").rstrip("\r\n")
        if not sys.stdin.isatty():
            raise click.UsageError("--user needs a password: use --password-file FILE.")
        typed: str = click.prompt(f"Password of {self.user}", hide_input=True, err=True)
        return typed


def login_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that make up a Login."""
    for option in (
        *TOKEN_OPTIONS,
        click.option("--password-file", type=_FILE, help="A file with the password of --user."),
        click.option("--user", metavar="NAME", help="Log in as this user; asks for the password."),
    ):
        command = option(command)
    return command


def is_afar(to: str) -> bool:
    """Whether this is a URL, or HOST:DIR for scp, and no path on this machine."""
    return "://" in to or _BY_SCP.fullmatch(to) is not None


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=_FILE)
@index_options
@click.option(
    "--to",
    required=True,
    envvar="EGGWATCH_TO",
    metavar="URL|HOST:DIR",
    help="The index, or its drop folder.  [default: $EGGWATCH_TO]",
)
@login_options
@click.option("--url", metavar="URL", help="After scp: the URL of the index, to wait for the verdict.")
@click.option("--timeout", default="5m", show_default=True, help="How long to wait for each verdict.")
@json_option
def upload(
    selection: Selection, files: tuple[Path, ...], to: str, url: str | None, timeout: str, as_json: bool, **login: str
) -> None:
    """Upload files to an index on another machine, and print each verdict.

    To a URL over HTTP, if the index accepts uploads. While its daemon is being restarted or its disk is full, the
    upload is retried until --timeout. To HOST:DIR by scp; rejections are then only visible in receipts/ of the drop
    folder.

    \b
    Examples:
      eggwatch upload dist/* --to https://packages.example.com/ --token-file token
      eggwatch upload dist/* --to https://packages.example.com/ --user alice
      eggwatch upload dist/* --to alice@HOST:/srv/drop/ --url https://HOST/
    Exit status: 0 all installable, 1 something was rejected, 4 timeout.
    """
    seconds = duration_option(timeout)
    verdict: Callable[[Path], Answer | None]
    if "://" in to:
        if url is not None:
            raise click.UsageError("--url is for uploads by scp: over HTTP, the response has the verdict.")
        repository = repository_at(to, Login(**login))  # type: ignore[arg-type]
        verdict = partial(by_http, repository, seconds=seconds)
    elif is_afar(to):
        reader = None if url is None else RemoteReader(url=url)
        verdict = partial(_by_scp, to, reader, seconds=seconds)
    else:
        raise click.UsageError(
            "--to is neither a URL nor HOST:DIR. On the machine of the index, use 'eggwatch publish'."
        )
    good = [report(file, verdict(file), as_json=as_json) for file in files]
    sys.exit(0 if all(good) else 1)


def repository_at(to: str, login: Login) -> Repository:
    """The URL for uploads of an index, given with or without /legacy/ or /simple/."""
    if "@" in to:
        raise click.UsageError("--to must not contain a user or a password: use --user or a token.")
    url = f"{RemoteReader(url=to.rstrip('/').removesuffix('/legacy')).base}legacy/"
    header = login.header()
    if header is not None and (host := trusted_host(url)) is not None:
        say_error(f"Warning: the login is sent unencrypted to {host}.")
    return Repository(url=url, login=header)


def by_http(repository: Repository, file: Path, *, seconds: float) -> Answer:
    """The response of the server; the upload is retried while it is 503."""
    deadline = time.monotonic() + seconds
    while (said := repository.upload(file)).status == 503:
        left = deadline - time.monotonic()
        if left <= 0:
            raise NotNowError(f"{repository.url}: {said.text}", remedy="Try again later.")
        time.sleep(min(said.retry_after, left))
    if said.status in (404, 405) or 300 <= said.status < 400:
        raise NotReachedError(
            f"{repository.url}: {said.text}", remedy="Check --to, and that the index accepts uploads."
        )
    return Answer(there=said.status == 200, text=said.text)


def copy_by_scp(to: str, files: Sequence[Path]) -> None:
    """Copy files in one connection. EggwatchError if scp fails."""
    try:
        done = subprocess.run(["scp", "--", *(str(file.absolute()) for file in files), to], check=False)
    except FileNotFoundError as error:
        raise EggwatchError("scp is not installed.", remedy="Install the OpenSSH client.") from error
    if done.returncode != 0:
        names = ", ".join(shown(str(file)) for file in files)
        raise EggwatchError(
            f"scp exited with status {done.returncode}; {names} was not uploaded.", remedy="Check --to."
        )


def _by_scp(to: str, reader: RemoteReader | None, file: Path, *, seconds: float) -> Answer | None:
    """The verdict according to the pages after scp; None without --url."""
    copy_by_scp(to, [file])
    if reader is None:
        return None
    return wait_for(reader, understand(str(file.absolute())), seconds=seconds)


def report(file: Path, answer: Answer | None, *, as_json: bool) -> bool:
    """Print what became of a file; whether it is good."""
    text = "copied. The verdict is in receipts/ of the drop folder, or use --url." if answer is None else answer.text
    is_good = answer is None or answer.there is True
    if as_json:
        print_json({"file": shown(str(file)), "installable": None if answer is None else answer.there, "text": text})
    elif answer is None:
        say(f"{shown(str(file))}: {text}")
    else:
        say(text)
    return is_good


def send_on(archives: Sequence[Path], to: str, login: Login, *, as_json: bool) -> bool:
    """Upload what was collected, but for what is published; whether nothing was rejected."""
    if "://" not in to:
        if archives:
            copy_by_scp(to, archives)
        return True
    repository = repository_at(to, login)
    reader = RemoteReader(url=repository.url.removesuffix("legacy/"))
    good = True
    for file in archives:
        answer = _there(reader, file) or by_http(repository, file, seconds=SECONDS)
        good &= report(Path(file.name), answer, as_json=as_json)
    return good


def _there(reader: RemoteReader, file: Path) -> Answer | None:
    """The answer if a file is published already; pages that can't be read have it uploaded once more."""
    with suppress(NotReachedError):
        answer = look(reader, understand(str(file)))
        if answer is not None and answer.there:
            return replace(answer, text=f"{file.name} is published already.")
    return None

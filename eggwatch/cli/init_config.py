"""eggwatch init and config check: a configuration that works, and what is wrong with one."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from pathlib import Path

import click

from eggwatch.cli.addresses import ask_for_url, url_option
from eggwatch.cli.next_steps import after_init
from eggwatch.cli.options import Selection, index_options
from eggwatch.cli.output import json_option, print_json, say, say_error
from eggwatch.config.index_config import IndexConfig
from eggwatch.config.loading import LOCAL_FILE, WrongConfigurationError, in_full, load
from eggwatch.errors import ConfigurationError
from eggwatch.linux.accounts import has_account, has_group
from eggwatch.model.counting import counted

SAMPLE = """\
# eggwatch.toml: every setting, with its default. Relative paths start from this file's folder.

[index.main]
drop = "drop"               # where people copy packages; never created by the daemon (it may be an unmounted disk)
public = "public"           # what httpd serves: /simple/, /files/, index.html
state = "state"             # ledger and catalog; back this up together with `public`

# contact = "packages@example.com"         # whom uploaders ask
# url = "https://packages.example.com/"    # the index as clients reach it, for the lines to copy
# upload-to = "files.example.com:/drop/"   # what uploaders type, where it is not the host of `url` and `drop`:
#                            # HOST:FOLDER for scp, rsync://HOST/MODULE/, or a folder that they have mounted
# quiet = "2s"               # where no lease can prove the end of an upload: wait until it has been quiet so long
# unfinished-after = "1h"    # refuse an upload whose end is still missing so long after its last change
# scan = "30s"               # look at the whole drop folder so often, whatever the kernel's events tell
# linger = "2s"              # leave an upload in the drop so long after its last change
# grace = "10m"              # keep the bytes of a removed file so long
# min-free = "64MiB"         # take no uploads when less would be free
# formats = ["wheel", "sdist"]
# mode = "0644"              # of published files and of the state; folders may be entered by whoever may read
# group = "packages"
# keep-rejected = "forever"  # how long refused files stay in rejected/: "90d", "2GiB" (the oldest go first), or both
# keep-aside = "forever"     # how long damaged archives stay in quarantine, and damaged catalogs in state
# metrics = "/var/lib/prometheus/node-exporter/eggwatch.prom"   # for node_exporter; needs eggwatch[metrics]

# profile = "default"        # "pypi": refuse what PyPI refuses; "strict": refuse whatever breaks a rule
# rules = { zip-comment = "refuse", summary-too-long = "off" }   # 'eggwatch explain' lists the codes
# owners = { "acme-*" = ["alice", "@release"] }   # by default, whoever can write to the drop can publish
# first-uploader-owns = false
# identity = "owner"         # whose an upload is; "folder": that of DROP/ACCOUNT/, where all files have one owner
# max-file-size = "2GiB"     # no limit by default
# max-project-size = "20GiB" # likewise
# allowed-names = ["acme-*"]         # take only projects so called
# forbidden-names = ["requests"]     # take no projects so called
# reserved-prefixes = ["acme-"]      # take such projects only where 'owners' names somebody
# archived = ["acme-legacy"]         # these take no uploads, and their pages say so

# Who is told of what is published and refused; 'eggwatch notify --test' sends a sample. Tables come last.

# [index.main.mail]
# to = ["packages@example.com"]      # the maintainers
# domain = "example.com"             # uploaders: ACCOUNT@example.com
# addresses = { bob = "robert@example.org" }
# from = "eggwatch@example.com"
# server = "localhost:25"
# security = "none"                  # "starttls", "tls"; then perhaps user = "…" and password-file = "…"
# digest = "1d"                      # one mail a day to the maintainers; uploaders hear at once
# events = ["admitted", "rejected", "yanked", "unyanked", "removed", "unblocked", "quarantined"]
# templates = "mails"                # a folder with one or more of: admitted.txt rejected.txt changed.txt digest.txt
# timeout = "10s"
# give-up-after = "3d"               # of an outage; then news are put aside, for 'eggwatch notify --retry'

# [index.main.webhook.ci]            # any name; 'events', 'timeout' and 'give-up-after' as above
# url = "https://ci.example.com/eggwatch"   # or url-file = "…", where the URL is a secret
# form = "json"                      # "slack", "matrix"
# secret-file = "/etc/eggwatch/ci.secret"   # signs each request
# token-file = "/etc/eggwatch/ci.token"     # Authorization: Bearer …

# [index.main.command.deploy]
# run = ["/usr/local/bin/deploy", "--staging"]   # gets the event as JSON on standard input

# [index.main.apprise.team]          # pip install eggwatch[apprise]
# urls-file = "/etc/eggwatch/apprise.urls"
"""


def sample(selection: Selection, url: str | None = None) -> str:
    """The commented configuration, with the folders that were named, and the URL if it is known."""
    text = SAMPLE
    if url is not None:
        text = re.sub(r'(?m)^# url = "[^"]*" *(?=#)', lambda _: f"url = {json.dumps(url)}    ", text, count=1)
    for name, folder in (("drop", selection.drop), ("public", selection.public), ("state", selection.state)):
        if folder is not None:
            text = text.replace(f'{name} = "{name}"', f"{name} = {json.dumps(os.path.abspath(folder))}", 1)
    return text


@click.command()
@click.option("--output", default=str(LOCAL_FILE), show_default=True, metavar="FILE", help="Where to write it.")
@url_option
@index_options
def init(selection: Selection, output: str, url: str | None) -> None:
    """Write a commented eggwatch.toml that works as it is, and the drop folder that it names.

    Without --url it asks for the URL on a terminal; where none is said, it is the one that 'run --serve' listens on.

    \b
    Example:  eggwatch init && eggwatch run --serve 8080
    """
    path = in_full(Path(output))
    if url is None and not os.path.lexists(path):
        url = ask_for_url("URL that clients will use (Enter: where 'run --serve' listens)", None)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x") as file:
            file.write(sample(selection, url))
    except FileExistsError:
        raise ConfigurationError(f"{path} is there already.", remedy="Edit it, or choose another --output.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} can't be written: {error.strerror}.") from error
    drop = selection.drop.absolute() if selection.drop else path.resolve().parent / "drop"
    drop.mkdir(parents=True, exist_ok=True)
    say_error(f"Wrote {path}, and made {drop}.")
    for line in after_init(next(iter(load(path).indexes.values())), path):
        say_error(line)


@click.command()
@click.argument("what", metavar="check", type=click.Choice(["check"]))
@index_options
@json_option
def config(selection: Selection, what: str, as_json: bool) -> None:
    """Name everything that is wrong in the configuration, with its line; and what this machine lacks for it.

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
    if index.identity == "folder" and index.drop.is_dir() and _is_shared(index.drop):
        lacking.append(
            f"{where} identity: others than its owner may write to {index.drop}, and so make the folder of an account "
            "that has none yet; chmod 755 it, and make the folders yourself"
        )
    names = {name for owners in index.terms.owners.values() for name in owners}
    groups = {name.removeprefix("@") for name in names if name.startswith("@")}
    groups |= set() if index.group is None else {index.group}
    lacking += [f"{where}: this machine has no group {group!r}" for group in sorted(groups) if not has_group(group)]
    accounts = sorted(name for name in names if not name.startswith("@"))
    return lacking + [
        f"{where} owners: this machine has no account {name!r}" for name in accounts if not has_account(name)
    ]


def _is_shared(folder: Path) -> bool:
    return bool(folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _nearest(folder: Path) -> Path:
    return next(above for above in folder.parents if above.exists())

"""Told inside the booted machine: every command of a page of docs/, in its order, by whom its prompt names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.contrib.inside import SHARE, SSH, run, start_sshd

CODE = Path("/opt/code")
HANDBOOK = "administration"
TWINE = """#!/bin/sh
PYTHONPATH=$(echo /opt/code/.venv-test/lib/python3*/site-packages) exec /usr/bin/python3 -m twine "$@"
"""
PROMPT = re.compile(r"    (files#|newfiles#|alice\$|bob\$) (.+)")
HOST = """Host files.example.com
  Port 2222
  IdentityFile {home}/.ssh/id
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
"""

told: list[dict[str, object]] = []
"""What each command was shown to print, and what it has printed."""


def commands(text: str) -> list[tuple[str, str, list[str]]]:
    """(prompt, command, lines that it is shown to print), in their order."""
    found: list[tuple[str, str, list[str]]] = []
    for line in text.splitlines():
        if match := PROMPT.fullmatch(line):
            found.append((match[1], match[2], []))
        elif line.startswith("    ") and found:
            found[-1][2].append(line.strip())
        elif line.strip():
            found.append(("", "", []))  # text: what follows with no prompt is shown by nobody
    return [one for one in found if one[0]]


def prepare() -> None:
    """A web name, a stock, two colleagues with keys and builds; and the program that begins the setup."""
    start_sshd()
    with Path("/etc/hosts").open("a") as hosts:
        hosts.write("127.0.0.1 files.example.com localhost\n")
    shutil.copytree(SHARE / "stock", "/srv/old-index")
    Path("/root/wheels").symlink_to(SHARE / "wheels")
    Path("/root/newer-wheels").symlink_to(SHARE / "wheels-0.98")
    for account in ("alice", "bob"):
        _settle_in(account)
    begin()


def _settle_in(account: str) -> None:
    home = Path("/home", account)
    shutil.copytree(SHARE / "uploads", home / "dist")
    (home / ".ssh").mkdir(mode=0o700)
    shutil.copyfile(SSH / "client", home / ".ssh" / "id")
    (home / ".ssh" / "id").chmod(0o600)
    (home / ".ssh" / "config").write_text(HOST.format(home=home))
    run("python3", "-m", "venv", str(home / "venv"))
    (home / "venv" / "bin" / "twine").write_text(TWINE)
    (home / "venv" / "bin" / "twine").chmod(0o755)
    (home / "venv" / "bin" / "uv").symlink_to(CODE / ".venv-test" / "bin" / "uv")
    run("chown", "-Rh", f"{account}:", str(home))


def begin() -> None:
    """The program as a clone has it, before anything is set up."""
    shutil.rmtree("/root/clone", ignore_errors=True)
    run("python3", "-m", "venv", "/root/clone")
    run("/root/clone/bin/pip", "install", "-q", "--no-index", "--find-links", "/root/wheels", "eggwatch")
    Path("/usr/local/sbin/eggwatch").symlink_to("/root/clone/bin/eggwatch")


def new_machine() -> None:
    """Nothing of eggwatch is there, but the backup; and its account has another uid than before."""
    run("/opt/eggwatch/bin/eggwatch", "setup", "--uninstall")
    for left in Path("/srv/eggwatch").iterdir():  # a disk of its own
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    for folder in ("/var/lib/eggwatch", "/etc/eggwatch", "/srv/drop", "/opt/eggwatch"):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.chown("/srv/eggwatch", "root", "root")
    run("userdel", "eggwatch")
    run("useradd", "--system", "somebody-else")  # gets the uid that was eggwatch's
    begin()


def shell(prompt: str, command: str) -> tuple[int, str]:
    """Run one command as its prompt says; its exit status and what it printed."""
    script = f"cd /opt/code\n{command}"
    words = ["sh", "-c", script]
    if prompt.endswith("$"):
        account = prompt.rstrip("$")
        script = f"cd /home/{account}\nPATH=/home/{account}/venv/bin:$PATH\n{command}"
        words = ["runuser", "-u", account, "--", "sh", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=100, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def follow(said: str) -> list[tuple[str, int, str]]:
    """The lines that a setup ends with, each with its status and what it says; those that upload are not run."""
    lines = [line.strip() for line in said.splitlines() if line.startswith("    ")]
    done = [(line, *shell("files#", line)) for line in lines[:-3]]
    return [*done, *((line, 0, "") for line in lines[-3:]), *_looked()]


def _looked() -> list[tuple[str, int, str]]:
    with urllib.request.urlopen("http://files.example.com/simple/", timeout=10) as answer:
        return [("the pages", answer.status, answer.headers["Server"])]


def live(page: str) -> None:
    """All commands of a page, and what became of them."""
    is_new = False
    for prompt, command, shown in commands((CODE / "docs" / f"{page}.rst").read_text("utf-8")):
        if prompt == "newfiles#" and not is_new:
            is_new = True
            new_machine()
        if command.startswith("usermod"):
            run("usermod", "--append", "--groups", "packages", "bob")
        began = time.monotonic()
        status, said = shell(prompt, command)
        seconds = round(time.monotonic() - began, 1)
        row = {"command": f"{prompt} {command}", "status": status, "said": said, "shown": shown, "seconds": seconds}
        told.append(row)
        if page == HANDBOOK and "setup" in command and "--url" in command:
            row["next"] = follow(said)
        if command.startswith("eggwatch setup --from") and "dry" not in command:
            Path("/usr/local/sbin/eggwatch").unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        prepare()
        live(sys.argv[1])
    finally:
        (SHARE / f"{sys.argv[1]}.json").write_text(json.dumps(told, indent=1))
        (SHARE / f"{sys.argv[1]}.txt").write_text(
            run("journalctl", "--no-pager", "-b", "-o", "short-monotonic", "--quiet")
        )

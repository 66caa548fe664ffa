"""Told inside the booted machine, by test_systemd_boot.py: `eggwatch setup`, from bare machine to uninstalled."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.contrib.inside import (
    CONFIG,
    DROP,
    PUBLIC,
    SHARE,
    drop_in,
    gone,
    published,
    run,
    seconds_until,
    seen,
    show,
    start_sshd,
    upload,
    version,
)

SETTINGS = 'quiet = "5m"\nscan = "2s"\nmin-free = "8MiB"\n'
IMPATIENT = "[Service]\nWatchdogSec=3s\nRestartSec=100ms\nTimeoutStartSec=20s\n"


def setup(*arguments: str) -> str:
    """The installed command."""
    return run("eggwatch", "setup", *arguments)


def traces() -> list[str]:
    """What of an installation is there."""
    found = [
        *Path("/etc/systemd/system").rglob("*eggwatch*"),
        *Path("/etc/sysusers.d").glob("eggwatch*"),
        *Path("/usr/local/share").rglob("*eggwatch*"),
        *Path("/etc/fish").rglob("eggwatch*"),
        *(Path(name) for name in ("/opt/eggwatch", "/usr/local/bin/eggwatch", "/etc/eggwatch", "/srv/drop")),
    ]
    return sorted(str(path) for path in found if os.path.lexists(path))


def install() -> None:
    """A machine without a network, that has a folder of wheels; begun as the README says."""
    start_sshd()
    seen["bootstrap"] = run("python3", "-m", "venv", "/root/eggwatch") + run(
        "/root/eggwatch/bin/pip", "install", "-q", "--no-index", "--find-links", f"{SHARE}/wheels", "eggwatch"
    )
    first = ("/root/eggwatch/bin/eggwatch", "setup", "--from", f"{SHARE}/wheels")
    seen["dry run"] = run(*first, "--dry-run")
    seen["traces of dry run"] = traces()
    began = time.monotonic()
    seen["setup"] = run(*first)
    seen["setup seconds"] = round(time.monotonic() - began, 1)
    seen["started"] = show("ActiveState", "SubState", "NRestarts", "User")
    assert seen["started"]["ActiveState"] == "active", seen["setup"]
    seen["setup again"] = setup("--from", f"{SHARE}/wheels")
    seen["setup of itself"] = setup()
    seen["another drop"] = setup("--drop", "/srv/other")
    seen["no version to go back to"] = setup("--rollback")
    seen["drop mode"] = run("stat", "-c", "%a %U %G", str(DROP)).strip()
    seen["drop ACL"] = run("getfacl", "-c", "-p", str(DROP))
    seen["timer"] = show("ActiveState", unit="eggwatch-verify.timer")
    seen["systemd-python"] = run(
        "/opt/eggwatch/current/bin/python", "-I", "-c", "import systemd.journal as j; print(j.__file__)"
    )
    seen["leaks"] = run("/opt/eggwatch/current/bin/python", "-I", "-c", "import apt_pkg")
    seen["own by root"] = run("find", "/opt/eggwatch", "!", "-user", "root")
    seen["configuration"] = run("eggwatch", "config", "check")
    completions = "/usr/local/share/bash-completion/completions/eggwatch"
    seen["completion"] = run("bash", "-c", f". {completions} && complete -p eggwatch")
    seen["manual"] = Path("/usr/local/share/man/man1/eggwatch.1").read_text()
    for account in ("alice", "bob"):
        seen[f"join {account}"] = run("usermod", "--append", "--groups", "packages", account)
    CONFIG.write_text(CONFIG.read_text() + SETTINGS)
    drop_in("eggwatch.service", IMPATIENT)
    seen["join"] = run("systemctl", "daemon-reload") + run("systemctl", "restart", "eggwatch.service")


def fill() -> None:
    """The disk of PUBLIC is nearly full, and then it isn't."""
    filler, free = PUBLIC / "filler", os.statvfs(PUBLIC).f_bavail * os.statvfs(PUBLIC).f_frsize
    filler.write_bytes(b"x" * (free - (4 << 20)))
    seen["upload when full"] = upload("alice", "full-1.0.tar.gz")
    seen["told when full"] = seconds_until(lambda: "uploads wait" in run("eggwatch", "status"))
    seen["status when full"] = run("eggwatch", "status")
    seen["published when full"] = published("full-1.0.tar.gz")
    seen["state when full"] = show("ActiveState", "NRestarts")
    filler.unlink()
    seen["published after full"] = seconds_until(lambda: published("full-1.0.tar.gz"))
    seen["gone after full"] = seconds_until(lambda: gone("full-1.0.tar.gz"))


def upgrade() -> None:
    """To a higher version, to one that does not work, and back."""
    began = time.monotonic()
    seen["upgrade"] = setup("--from", f"{SHARE}/wheels-0.98")
    seen["upgrade seconds"] = round(time.monotonic() - began, 1)
    seen["upgraded instance"] = version("eggwatch@team.service")
    seen["upgraded server"] = version("eggwatch-http.service")
    seen["upgraded"] = (version(), show("ActiveState", "NRestarts"))
    began = time.monotonic()
    seen["broken upgrade"] = setup("--from", f"{SHARE}/wheels-0.99")
    seen["broken upgrade seconds"] = round(time.monotonic() - began, 1)
    seen["after broken upgrade"] = (version(), show("ActiveState"))
    seen["rollback"] = setup("--rollback")
    seen["rolled back"] = (version(), show("ActiveState"))
    seen["upload after rollback"] = upload("bob", "back-1.0.tar.gz")
    seen["published after rollback"] = seconds_until(lambda: published("back-1.0.tar.gz"))


def shut_down() -> None:
    """Work comes when nobody is there to do it."""
    seen["last stop"] = run("systemctl", "stop", "eggwatch.service")
    seen["upload before boot"] = upload("alice", "overnight-1.0.tar.gz")


def wake() -> None:
    """Nobody starts anything: it was enabled."""
    seen["published at boot"] = seconds_until(lambda: published("overnight-1.0.tar.gz"))
    seen["gone at boot"] = seconds_until(lambda: gone("overnight-1.0.tar.gz"))
    seconds_until(lambda: show("ActiveState")["ActiveState"] == "active")
    seen["booted"] = show("ActiveState", "NRestarts", "UnitFileState")


def set_up_a_container() -> None:
    """systemd is there, but does not run."""
    seen["setup in a container"] = run("/root/eggwatch/bin/eggwatch", "setup", "--from", f"{SHARE}/wheels")
    seen["setup in a container again"] = setup()
    seen["enabled in a container"] = run("systemctl", "is-enabled", "eggwatch.service", "eggwatch-verify.timer")
    seen["uninstall in a container"] = setup("--uninstall")


def uninstall() -> None:
    """The program goes, what it has made stays."""
    seen["dry uninstall"] = setup("--uninstall", "--dry-run")
    seen["uninstall"] = setup("--uninstall")
    seen["uninstall again"] = run("/root/eggwatch/bin/eggwatch", "setup", "--uninstall", "--dry-run")
    seen["left of program"] = [path for path in traces() if not path.startswith(("/etc/eggwatch", "/srv"))]
    seen["left of data"] = [published("overnight-1.0.tar.gz"), CONFIG.exists(), DROP.exists()]
    seen["left of account"] = run("id", "-un", "eggwatch").strip()
    seen["instance after uninstall"] = show("ActiveState", unit="eggwatch@team.service")
    seen["state after uninstall"] = show("ActiveState", "LoadState")

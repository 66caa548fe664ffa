"""Told inside the booted machine, by test_systemd_boot.py: eggwatch set up, lived with, and taken away.

Everything that is seen is written to /share; the tests judge it outside.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
import urllib.request
from pathlib import Path

from tests.contrib import http_story, setup_story
from tests.contrib.inside import (
    CONFIG,
    DROP,
    SHARE,
    drop_in,
    events,
    gone,
    journal,
    pid,
    published,
    run,
    seconds_until,
    seen,
    show,
    tell,
    upload,
)
from tests.contrib.news_story import news

SERVING = """[Service]
ExecStart=
ExecStart=/opt/eggwatch/bin/eggwatch --config /etc/eggwatch/%i.toml run --serve 8081
PrivateNetwork=no
IPAddressAllow=any
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
"""


def accept() -> None:
    """Uploads of others, private ones, one that is still written to, and a bad one."""
    seen["private upload"] = upload("alice", "private-1.0.tar.gz")
    seen["private published"] = seconds_until(lambda: published("private-1.0.tar.gz"))
    seen["private gone"] = seconds_until(lambda: gone("private-1.0.tar.gz"))
    seen["folder upload"] = upload("bob", "folder-1.0.tar.gz", "mine")
    seen["folder published"] = seconds_until(lambda: published("folder-1.0.tar.gz"))
    seen["folder gone"] = seconds_until(lambda: gone("folder-1.0.tar.gz", "mine"))
    data = Path("/share/uploads/slow-1.0.tar.gz").read_bytes()
    with (DROP / "slow-1.0.tar.gz").open("wb", buffering=0) as file:
        os.fchmod(file.fileno(), 0o640)
        shutil.chown(DROP / "slow-1.0.tar.gz", "alice", "packages")
        file.write(data)
        time.sleep(1.5)  # the subject: a writer that pauses
        seen["published while open"] = published("slow-1.0.tar.gz")
    seen["published after close"] = seconds_until(lambda: published("slow-1.0.tar.gz"))
    seen["bad upload"] = upload("alice", "bad-1.0.tar.gz")
    seen["bad refused"] = seconds_until((DROP / "rejected" / "bad-1.0.tar.gz.reason.txt").exists)
    seen["status"] = run("eggwatch", "status")
    seconds_until(lambda: "rejected" in show("StatusText")["StatusText"])
    seen["status text"] = show("StatusText")["StatusText"]
    seen["doctor"] = run("eggwatch", "doctor", "--json")
    seen["capabilities"] = [capabilities(process) for process in processes()]


def processes() -> list[int]:
    """The daemon's first process, then those that it has started."""
    group = show("ControlGroup")["ControlGroup"]
    found = [int(line) for line in Path(f"/sys/fs/cgroup{group}/cgroup.procs").read_text().split()]
    return sorted(found, key=lambda process: process != pid())


def capabilities(process: int) -> dict[str, str]:
    """The sets of a process, in hexadecimal, and its account."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: fields[name].split()[0] for name in ("Uid", "CapEff", "CapPrm", "CapInh", "CapAmb", "Seccomp")}


def reload() -> None:
    """With a right configuration, and with a wrong one."""
    before, text = pid(), CONFIG.read_text()
    with_contact = text + 'contact = "the team"\n'
    CONFIG.write_text(with_contact)
    seen["reload"] = run("systemctl", "reload", "eggwatch.service")
    seen["reloaded"] = seconds_until(lambda: "the team" in (DROP / "README.txt").read_text())
    CONFIG.write_text(text + "nonsense = 1\n")
    seen["wrong reload"] = run("systemctl", "reload", "eggwatch.service")
    seen["wrong reloaded"] = seconds_until(lambda: "still using the old configuration" in journal())
    CONFIG.write_text(with_contact)  # the landing page shows it: verify has to see the same
    seen["same process"] = pid() == before
    seen["after reload"] = show("ActiveState", "NRestarts")


def verify() -> None:
    """The timers' services, beside the daemon."""
    seen["backup"] = run("systemctl", "start", "eggwatch-backup.service")
    kept = Path("/var/backups/eggwatch")
    seen["kept"] = sorted(path.name for path in kept.rglob("*") if path.name.endswith((".tar.gz", ".jsonl")))
    seen["verify"] = run("systemctl", "start", "eggwatch-verify.service")
    seen["verified note"] = json.loads(Path("/var/lib/eggwatch/verified.json").read_text())["findings"]
    seen["verified"] = show("Result", "ExecMainStatus", unit="eggwatch-verify.service")


def restarted(times: int) -> bool:
    """Whether it is up again after so many restarts."""
    state = show("ActiveState", "NRestarts", "SubState")
    return int(state["NRestarts"]) == times and state["ActiveState"] == "active"


def hang() -> None:
    """It stops doing anything; the watchdog ends it."""
    os.kill(pid(), signal.SIGSTOP)
    seen["upload while hanging"] = upload("alice", "hanging-1.0.tar.gz")
    seen["restarted by watchdog"] = seconds_until(lambda: restarted(1))
    seen["watchdog's word"] = [line for line in journal().splitlines() if "Watchdog timeout" in line]
    seen["published after hang"] = seconds_until(lambda: published("hanging-1.0.tar.gz"))


def kill() -> None:
    """kill -9 in the middle of uploads."""
    names = [f"killed{number}-1.0.tar.gz" for number in range(6)]
    seen["uploads around kill"] = [upload("bob", name) for name in names[:3]]
    os.kill(pid(), signal.SIGKILL)
    seen["uploads around kill"] += [upload("bob", name) for name in names[3:]]
    seen["restarted after kill"] = seconds_until(lambda: restarted(2))
    seen["published after kill"] = seconds_until(lambda: all(published(name) for name in names))
    seen["gone after kill"] = seconds_until(lambda: all(gone(name) for name in names))


def stop() -> None:
    """In order; then a start with work waiting."""
    seen["stop"] = run("systemctl", "stop", "eggwatch.service")
    seen["stopped"] = show("ActiveState", "Result", "ExecMainStatus")
    seen["events"] = events()
    seen["left"] = sorted(str(path.relative_to(DROP)) for path in DROP.rglob("*.tar.gz"))
    seen["verify when stopped"] = run("systemctl", "start", "eggwatch-verify.service")
    seen["upload before start"] = upload("bob", "waiting-1.0.tar.gz")
    seen["start"] = run("systemctl", "start", "eggwatch.service")
    seen["published at ready"] = published("waiting-1.0.tar.gz")
    run("systemctl", "stop", "eggwatch.service")


def misconfigure() -> None:
    """Starts that only a person can mend, and a drop folder that the unit has not been told of, until it is set up."""
    right = CONFIG.read_text()
    CONFIG.write_text(right + "nonsense = 1\n")
    seen["wrong start"] = run("systemctl", "start", "eggwatch.service")
    seconds_until(lambda: show("ActiveState")["ActiveState"] == "failed")
    seen["wrong started"] = show("ActiveState", "Result", "ExecMainStatus", "NRestarts")
    seen["wrong setup"] = run("eggwatch", "setup")
    CONFIG.write_text(right.replace("/srv/eggwatch", "/srv/pages"))
    seen["start with closed public"] = run("systemctl", "start", "eggwatch.service")
    seen["closed public"] = journal()
    elsewhere = Path("/srv/elsewhere")
    elsewhere.mkdir()
    shutil.chown(elsewhere, "root", "packages")
    elsewhere.chmod(0o3770)
    CONFIG.write_text(right.replace("/srv/drop", "/srv/elsewhere"))
    seen["start with closed drop"] = run("systemctl", "start", "eggwatch.service")
    seen["upload to closed drop"] = upload("alice", "elsewhere-1.0.tar.gz", "/srv/elsewhere")
    seen["published from closed drop"] = seconds_until(lambda: published("elsewhere-1.0.tar.gz"))
    seen["closed drop"] = run("eggwatch", "status")
    seen["doctor of closed drop"] = run("eggwatch", "doctor", "--json")
    seen["setup of open drop"] = run("eggwatch", "setup")
    seen["upload to open drop"] = upload("bob", "open-1.0.tar.gz", "/srv/elsewhere")
    seen["gone from open drop"] = seconds_until(lambda: gone("open-1.0.tar.gz", "/srv/elsewhere"))
    seconds_until(lambda: "read-only" not in run("eggwatch", "status"))  # what is said of a moment ago is replaced
    seen["open drop"] = run("eggwatch", "status")
    CONFIG.write_text(right)


def instance() -> None:
    """One of several: its configuration, then setup."""
    drop_in("eggwatch@team.service", SERVING)
    folders = {"drop": "/srv/drop-team", "public": "/srv/pages-team", "state": "/var/lib/eggwatch-team"}
    lines = [f'{name} = "{folder}"\n' for name, folder in folders.items()]
    Path("/etc/eggwatch/team.toml").write_text("".join(["[index.team]\n", *lines]))
    seen["setup of instance"] = run("eggwatch", "setup")
    seen["start instance"] = run("systemctl", "enable", "--now", "eggwatch@team.service")
    seen["instance"] = show("ActiveState", "NRestarts", unit="eggwatch@team.service")
    paths = [Path("/srv/pages-team/simple"), Path("/var/lib/eggwatch-team/ledger.jsonl")]
    seen["instance's folders"] = [path.exists() for path in paths]
    with urllib.request.urlopen("http://127.0.0.1:8081/simple/", timeout=5) as answer:
        seen["instance serves"] = answer.status


BOOTS = {
    "first": [
        *(
            setup_story.install,
            accept,
            setup_story.fill,
            reload,
            news,
            verify,
            hang,
            kill,
            stop,
            misconfigure,
            instance,
            http_story.http,
        ),
        *(setup_story.upgrade, http_story.http_taken_away, setup_story.shut_down),
    ],
    "second": [setup_story.wake, setup_story.uninstall],
    "container": [setup_story.set_up_a_container],
}

if __name__ == "__main__":
    for earlier in map(SHARE.joinpath, ("first.json", "second.json")):
        if earlier.exists():
            seen.update(json.loads(earlier.read_text()))
    tell(sys.argv[1], BOOTS[sys.argv[1]])

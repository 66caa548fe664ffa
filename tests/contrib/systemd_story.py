"""Told inside the booted machine, by test_systemd_boot.py: eggwatch installed by its units, and lived with.

Everything that is seen is written to /share/seen.json; the tests judge it outside.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHARE, DROP, PUBLIC = Path("/share"), Path("/srv/drop"), Path("/srv/eggwatch")
PATIENT = 20.0

seen: dict[str, Any] = {}

CONFIG = '[index.main]\ndrop = "/srv/drop"\npublic = "/srv/eggwatch"\nstate = "/var/lib/eggwatch"\nquiet = "5m"\n'
CONFIG_WITH_CONTACT = CONFIG + 'contact = "the team"\n'
IMPATIENT = "[Service]\nWatchdogSec=3s\nRestartSec=100ms\nTimeoutStartSec=20s\n"
SERVING = """[Service]
ExecStart=
ExecStart=/opt/eggwatch/bin/eggwatch --config /etc/eggwatch/%i.toml run --serve 8080
PrivateNetwork=no
IPAddressAllow=any
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
"""


def run(*command: str) -> str:
    """A command's standard output and error, with its exit status in front if that is not 0."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    said = done.stdout + done.stderr
    return said if done.returncode == 0 else f"exit {done.returncode}: {said}"


def show(*names: str, unit: str = "eggwatch.service") -> dict[str, str]:
    """Properties of a unit."""
    out = run("systemctl", "show", unit, *(f"--property={name}" for name in names))
    return dict(line.partition("=")[::2] for line in out.splitlines())


def until(condition: Callable[[], object]) -> float:
    """The seconds until it is so; negative if it never is."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() > begun + PATIENT:
            return -1.0
        time.sleep(0.02)
    return round(time.monotonic() - begun, 2)


def upload(account: str, filename: str, folder: str = "", umask: str = "077") -> str:
    """An account copies a file to the drop folder; answers with what its tools said."""
    target = DROP / folder
    made = f"mkdir -p {target} && " if folder else ""
    script = f"umask {umask}; {made}cp /share/uploads/{filename} {target}/"
    return run("runuser", "-u", account, "--", "sh", "-c", script)


def published(filename: str) -> bool:
    """Whether a file is on its page, and its bytes are there."""
    project = filename.split("-")[0]
    try:
        page = json.loads((PUBLIC / "simple" / project / "index.v1_json").read_bytes())
    except FileNotFoundError:
        return False
    return filename in [file["filename"] for file in page["files"]] and (PUBLIC / "files" / project / filename).exists()


def gone(filename: str, folder: str = "") -> bool:
    """Whether the original has left the drop folder."""
    return not (DROP / folder / filename).exists()


def pid() -> int:
    """The daemon's first process."""
    return int(show("MainPID")["MainPID"])


def provide_python() -> None:
    """/opt/eggwatch, as `python3 -m venv` and pip would make it, out of what the tests run with."""
    home = Path("/opt/eggwatch")
    version = next(Path("/opt/python/lib").glob("python3.[0-9]*/os.py")).parent.name
    packages = home / "lib" / version / "site-packages"
    packages.mkdir(parents=True)
    (packages / "all.pth").write_text("/opt/code\n/opt/libraries\n")
    (home / "bin").mkdir()
    (home / "bin" / "python3").symlink_to(f"/opt/python/bin/{version}")
    (home / "pyvenv.cfg").write_text("home = /opt/python/bin\n")
    program = home / "bin" / "eggwatch"
    program.write_text("#!/opt/eggwatch/bin/python3\nfrom eggwatch.cli import main\nmain()\n")
    program.chmod(0o755)
    Path("/etc/ld.so.conf.d/python.conf").write_text("/opt/python/lib\n")  # where it has a libpython of its own
    seen["ldconfig"] = run("ldconfig")


def install() -> None:
    """By hand, with the commands of docs/systemd.rst, and with work waiting before the first start."""
    text = Path("/opt/code/docs/systemd.rst").read_text().partition("\nInstall\n")[2]
    commands = re.search(r"::\n\n((?:    .*\n)+)", text)
    assert commands is not None
    files, mark, services = commands[1].partition("    systemctl daemon-reload\n")
    for account in ("alice", "bob"):
        seen[f"account {account}"] = run("useradd", "--no-create-home", account)
    seen["install"] = run("sh", "-exc", f"cd /opt/code\n{files}")
    seen["configuration"] = run("/opt/eggwatch/bin/eggwatch", "config", "check")
    seen["drop mode"] = run("stat", "-c", "%a %U %G", str(DROP)).strip()
    Path("/etc/eggwatch/eggwatch.toml").write_text(CONFIG)
    drop_in("eggwatch.service", IMPATIENT)
    seen["join"] = run("usermod", "--append", "--groups", "packages", "bob")
    seen["upload before start"] = upload("bob", "waiting-1.0.tar.gz")
    seen["start"] = run("sh", "-exc", mark + services)
    seen["published at ready"] = published("waiting-1.0.tar.gz")
    seen["started"] = show("ActiveState", "SubState", "NRestarts", "User")
    assert seen["started"]["ActiveState"] == "active", seen["start"]
    seen["timer"] = show("ActiveState", unit="eggwatch-verify.timer")


def drop_in(unit: str, text: str) -> None:
    """As `systemctl edit` does it."""
    folder = Path(f"/etc/systemd/system/{unit}.d")
    folder.mkdir(exist_ok=True)
    (folder / "test.conf").write_text(text)


def accept() -> None:
    """Uploads of others, private ones, one that is still written to, and a bad one."""
    seen["private upload"] = upload("alice", "private-1.0.tar.gz")
    seen["private published"] = until(lambda: published("private-1.0.tar.gz"))
    seen["private gone"] = until(lambda: gone("private-1.0.tar.gz"))
    seen["folder upload"] = upload("bob", "folder-1.0.tar.gz", "mine")
    seen["folder published"] = until(lambda: published("folder-1.0.tar.gz"))
    seen["folder gone"] = until(lambda: gone("folder-1.0.tar.gz", "mine"))
    data = Path("/share/uploads/slow-1.0.tar.gz").read_bytes()
    with (DROP / "slow-1.0.tar.gz").open("wb", buffering=0) as file:
        os.fchmod(file.fileno(), 0o640)
        shutil.chown(DROP / "slow-1.0.tar.gz", "alice", "packages")
        file.write(data)
        time.sleep(1.5)
        seen["published while open"] = published("slow-1.0.tar.gz")
    seen["published after close"] = until(lambda: published("slow-1.0.tar.gz"))
    seen["bad upload"] = upload("alice", "bad-1.0.tar.gz")
    seen["bad refused"] = until((DROP / "rejected" / "bad-1.0.tar.gz.reason.txt").exists)
    seen["status"] = run("/opt/eggwatch/bin/eggwatch", "status")
    seen["status text"] = ""
    until(lambda: "refused" in show("StatusText")["StatusText"])
    seen["status text"] = show("StatusText")["StatusText"]
    seen["doctor"] = run("/opt/eggwatch/bin/eggwatch", "doctor", "--json")
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
    before = pid()
    config = Path("/etc/eggwatch/eggwatch.toml")
    config.write_text(CONFIG_WITH_CONTACT)
    seen["reload"] = run("systemctl", "reload", "eggwatch.service")
    seen["reloaded"] = until(lambda: "the team" in (DROP / "README.txt").read_text())
    config.write_text(CONFIG + "nonsense = 1\n")
    seen["wrong reload"] = run("systemctl", "reload", "eggwatch.service")
    seen["wrong reloaded"] = until(lambda: "the old configuration stays" in journal())
    config.write_text(CONFIG_WITH_CONTACT)  # the landing page shows it: verify has to see the same
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
    seen["restarted by watchdog"] = until(lambda: restarted(1))
    seen["watchdog's word"] = [line for line in journal().splitlines() if "Watchdog timeout" in line]
    seen["published after hang"] = until(lambda: published("hanging-1.0.tar.gz"))


def kill() -> None:
    """kill -9 in the middle of uploads."""
    names = [f"killed{number}-1.0.tar.gz" for number in range(6)]
    seen["uploads around kill"] = [upload("bob", name) for name in names[:3]]
    os.kill(pid(), signal.SIGKILL)
    seen["uploads around kill"] += [upload("bob", name) for name in names[3:]]
    seen["restarted after kill"] = until(lambda: restarted(2))
    seen["published after kill"] = until(lambda: all(published(name) for name in names))
    seen["gone after kill"] = until(lambda: all(gone(name) for name in names))


def stop() -> None:
    """In order."""
    begun = time.monotonic()
    seen["stop"] = run("systemctl", "stop", "eggwatch.service")
    seen["stop seconds"] = round(time.monotonic() - begun, 2)
    seen["stopped"] = show("ActiveState", "Result", "ExecMainStatus")
    events = [json.loads(line) for line in Path("/var/lib/eggwatch/ledger.jsonl").read_text().splitlines()]
    seen["events"] = [f"{event['event']} {event['filename']} by {event['uploader']}" for event in events]
    seen["left"] = sorted(str(path.relative_to(DROP)) for path in DROP.rglob("*.tar.gz"))
    seen["verify when stopped"] = run("systemctl", "start", "eggwatch-verify.service")


def misconfigure() -> None:
    """Starts that only a person can mend, and a drop folder that the unit has not been told of."""
    config = Path("/etc/eggwatch/eggwatch.toml")
    config.write_text(CONFIG + "nonsense = 1\n")
    seen["wrong start"] = run("systemctl", "start", "eggwatch.service")
    time.sleep(0.5)
    seen["wrong started"] = show("ActiveState", "Result", "ExecMainStatus", "NRestarts")
    config.write_text(CONFIG.replace("/srv/eggwatch", "/srv/pages"))
    seen["start with closed public"] = run("systemctl", "start", "eggwatch.service")
    seen["closed public"] = journal()
    elsewhere = Path("/srv/elsewhere")
    elsewhere.mkdir()
    shutil.chown(elsewhere, "root", "packages")
    elsewhere.chmod(0o3770)
    config.write_text(CONFIG.replace("/srv/drop", "/srv/elsewhere"))
    seen["start with closed drop"] = run("systemctl", "start", "eggwatch.service")
    seen["upload to closed drop"] = upload("alice", "elsewhere-1.0.tar.gz", "/srv/elsewhere")
    seen["published from closed drop"] = until(lambda: published("elsewhere-1.0.tar.gz"))
    seen["closed drop"] = run("/opt/eggwatch/bin/eggwatch", "status")
    seen["doctor of closed drop"] = run("/opt/eggwatch/bin/eggwatch", "doctor", "--json")
    drop_in("eggwatch.service", IMPATIENT + "ReadWritePaths=/srv/elsewhere\n")
    seen["restart with open drop"] = run("systemctl", "daemon-reload") + run("systemctl", "restart", "eggwatch.service")
    seen["gone from open drop"] = until(lambda: gone("elsewhere-1.0.tar.gz", "/srv/elsewhere"))
    seen["open drop"] = run("/opt/eggwatch/bin/eggwatch", "status")
    run("systemctl", "stop", "eggwatch.service")
    config.write_text(CONFIG)


def instance() -> None:
    """One of several."""
    for folder, owner, mode in (("drop", "root:packages", 0o3770), ("eggwatch", "eggwatch:eggwatch", 0o755)):
        path = Path(f"/srv/{folder}-team")
        path.mkdir()
        shutil.chown(path, *owner.split(":"))
        path.chmod(mode)
    drop_in("eggwatch@team.service", SERVING)
    run("systemctl", "daemon-reload")
    text = CONFIG.replace("/srv/drop", "/srv/drop-team").replace('eggwatch"', 'eggwatch-team"')
    Path("/etc/eggwatch/team.toml").write_text(text)
    seen["start instance"] = run("systemctl", "start", "eggwatch@team.service")
    seen["instance"] = show("ActiveState", "NRestarts", unit="eggwatch@team.service")
    folders = [Path("/srv/eggwatch-team/simple"), Path("/var/lib/eggwatch-team/ledger.jsonl")]
    seen["instance's folders"] = [path.exists() for path in folders]
    with urllib.request.urlopen("http://127.0.0.1:8080/simple/", timeout=5) as answer:
        seen["instance serves"] = answer.status
    seen["stop instance"] = run("systemctl", "stop", "eggwatch@team.service")


def journal() -> str:
    """What the daemon and systemd have said of it."""
    return run("journalctl", "--no-pager", "-o", "cat", "-u", "eggwatch.service")


try:
    for chapter in (provide_python, install, accept, reload, verify, hang, kill, stop, misconfigure, instance):
        began = time.monotonic()
        chapter()
        seen[f"{chapter.__name__} took"] = round(time.monotonic() - began, 1)
    seen["end"] = "reached"
finally:
    (SHARE / "seen.json").write_text(json.dumps(seen, indent=1))
    everything = run("journalctl", "--no-pager", "-o", "short-monotonic")
    (SHARE / "journal.txt").write_text(everything)

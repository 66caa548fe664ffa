"""eggwatch doctor over real installations, each broken on purpose in one way: it finds that, and nothing else."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from eggwatch.config.loading import load
from eggwatch.doctor import CHECKS
from eggwatch.pipeline.rounds import run_until_rest
from eggwatch.writer.index import open_index
from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.once import mostly_long
from tests.running import until
from tests.uploaders.accounts import ALICE, BOB, CAPABILITIES, CAROL, EGGWATCH, Machine, make_folders

pytestmark = [pytest.mark.parts, pytest.mark.root]

SETTINGS = {"drop": '"drop"', "public": '"public"', "state": '"state"', "linger": '"0s"'}
_numbers = itertools.count()


class Installation:
    """Three folders and a configuration, as docs/accounts.rst has them, on a machine with accounts of its own."""

    def __init__(self, machine: Machine, **settings: str) -> None:
        self.machine, self.base = machine, machine.base / f"site{next(_numbers)}"
        make_folders(self.base, owner=EGGWATCH, drop_owner=0)
        self.drop, self.public, self.state = (self.base / name for name in ("drop", "public", "state"))
        self.config = self.base / "eggwatch.toml"
        self.configure(**settings)
        self.root("setfacl", "-m", "d:u:eggwatch:rwx", self.drop)

    def configure(self, **settings: str) -> None:
        """Write the configuration."""
        values = SETTINGS | {name.replace("_", "-"): value for name, value in settings.items()}
        lines = "".join(f"{name} = {value}\n" for name, value in values.items())
        self.config.write_text(f"[index.main]\n{lines}")
        self.config.chmod(0o644)

    def root(self, *command: str | Path) -> None:
        """A command of the administrator's."""
        subprocess.run([*self.machine.enter, *map(str, command)], check=True, timeout=60, capture_output=True)

    def fill(self) -> None:
        """Publish something as the daemon's account."""
        filename, data = sdist("demo", "1.0")
        (self.drop / filename).write_bytes(data)
        os.chown(self.drop / filename, EGGWATCH, EGGWATCH)
        done = self.machine.eggwatch(EGGWATCH, "--config", self.config, "run", "--once")
        assert done.returncode == 0, done.stdout + done.stderr

    @contextmanager
    def running(self, *prefix: str) -> Iterator[int]:
        """A daemon for the length of a block, as the system user with capabilities unless `prefix` says otherwise."""
        start = list(prefix) or self.machine.as_account(EGGWATCH, *CAPABILITIES)
        command = [*start, sys.executable, "-m", "eggwatch", "--config", str(self.config), "run"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            until("the daemon", lambda: self._pid(process.pid))
            yield process.pid
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(20)

    def _pid(self, pid: int) -> bool:
        try:
            state = json.loads((self.state / "status.json").read_bytes())
        except (OSError, ValueError):
            return False
        return bool(state["pid"] == pid and state["ready"])

    def doctor(self, uid: int = 0, *, before: str = "") -> dict[str, Any]:
        """What it finds, as JSON; `before` is done by a shell in a mount namespace of its own."""
        command = [*self.machine.as_account(uid), sys.executable, "-m", "eggwatch", "--config", str(self.config)]
        command += ["doctor", "--json"]
        if before:
            inner = command[len(self.machine.enter) :]
            wrapped = ["unshare", "-m", "--propagation", "private", "sh", "-ec", f'{before}\nexec "$@"', "sh"]
            command = [*self.machine.enter, *wrapped, *inner]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert "Traceback" not in done.stderr and done.stdout, done.stderr
        row: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (0 if row["sound"] else 1)
        return row

    def finding(self, *, before: str = "", beside: str = "") -> dict[str, str]:
        """The only finding, apart from one of the check `beside`."""
        findings = [one for one in self.doctor(before=before)["findings"] if one["check"] != beside]
        assert len(findings) == 1, findings
        finding: dict[str, str] = findings[0]
        assert all(finding[key] for key in ("check", "where", "problem", "remedy"))
        return finding


@pytest.fixture
def site(machine: Machine) -> Iterator[Installation]:
    """A sound installation in which something was published."""
    site = Installation(machine)
    site.fill()
    yield site
    shutil.rmtree(site.base, ignore_errors=True)


def test_a_sound_installation_gives_no_finding(site: Installation) -> None:
    """With a running daemon and without. What can't be checked is reported, and is little."""
    row = site.doctor()
    assert (row["sound"], row["findings"], row["checks"]) == (True, [], list(CHECKS))
    assert "capabilities" in {one["check"] for one in row["unchecked"]}
    with site.running():
        row = site.doctor()
    assert row["findings"] == []
    assert {one["check"] for one in row["unchecked"]} <= {"unit", "clock"}


def test_an_installation_that_has_never_run_gives_no_finding(machine: Machine) -> None:
    """Nothing is there yet but the three folders."""
    assert Installation(machine).doctor()["findings"] == []


def test_the_tree_of_a_single_person_gives_no_finding(tmp_path: Path) -> None:
    """Root owns everything and the daemon serves the pages: no group, ACL or web server is asked for."""
    site = Site(tmp_path)
    with site.daemon("--serve", "0"):
        row = site.call("doctor", "--json").row
    assert row["findings"] == []


def without_drop(site: Installation) -> None:
    """The drop folder is gone, as if its disk were not mounted."""
    shutil.rmtree(site.drop)


def drop_is_a_file(site: Installation) -> None:
    """A file was copied to the name of the missing folder."""
    shutil.rmtree(site.drop)
    site.drop.write_text("an archive")


def drop_not_sticky(site: Installation) -> None:
    """Uploaders can replace what others have just uploaded."""
    site.drop.chmod(0o2770)


def drop_not_set_gid(site: Installation) -> None:
    """Folders that people make belong to their own groups."""
    site.drop.chmod(0o1770)


def drop_without_default_acl(site: Installation) -> None:
    """Folders that people make can't be emptied."""
    site.root("setfacl", "-k", site.drop)


def drop_of_another_group(site: Installation) -> None:
    """The daemon is not in the group that the drop folder is for."""
    site.root("chgrp", "alice", site.drop)
    site.root("chmod", "3770", site.drop)


def way_closed(site: Installation) -> None:
    """A folder above all three may be entered by root only."""
    site.base.chmod(0o700)


def public_of_root(site: Installation) -> None:
    """PUBLIC was restored by root."""
    os.chown(site.public, 0, 0)


def ledger_of_root(site: Installation) -> None:
    """The ledger was restored by root."""
    os.chown(site.state / "ledger.jsonl", 0, 0)


def state_open_to_all(site: Installation) -> None:
    """Everybody may rewrite the ledger."""
    site.state.chmod(0o777)


def configuration_open_to_all(site: Installation) -> None:
    """Everybody may change the rules."""
    site.config.chmod(0o666)


def public_closed_to_httpd(site: Installation) -> None:
    """Only the daemon may read the pages."""
    site.public.chmod(0o700)


def owners_of_nowhere(site: Installation) -> None:
    """The configuration names an account that this machine does not have."""
    site.configure(owners='{ "demo" = ["nobody-of-that-name"] }')


def metrics_to_nowhere(site: Installation) -> None:
    """There is no folder for the textfile."""
    site.configure(metrics='"absent/eggwatch.prom"')


def metrics_of_root(site: Installation) -> None:
    """The daemon may not write to the folder of the textfile."""
    (site.base / "exporter").mkdir(mode=0o755)
    site.configure(metrics='"exporter/eggwatch.prom"')


def event_of_tomorrow(site: Installation) -> None:
    """The clock was set back since the last event."""
    with opened_as_owner(site) as config:
        filename, data = sdist("demo", "2.0")
        (site.drop / filename).write_bytes(data)
        index = open_index(config, now=lambda: time.time() + 86400)
        run_until_rest(index.pipeline)
        index.close()


@contextmanager
def opened_as_owner(site: Installation) -> Iterator[Any]:
    """The folders belong to root for the block, so that this process can work on the index."""
    folders = [site.state, site.public, *site.state.rglob("*"), *site.public.rglob("*"), *site.drop.rglob("*")]
    for path in folders:
        os.chown(path, 0, 0)
    yield load(site.config).indexes["main"]
    for path in [site.state, site.public, *site.state.rglob("*"), *site.public.rglob("*"), *site.drop.rglob("*")]:
        os.chown(path, EGGWATCH, EGGWATCH)


BROKEN: dict[str, tuple[Callable[[Installation], None], str, str]] = {
    "without drop": (without_drop, "drop-there", "install -d"),
    "drop is a file": (drop_is_a_file, "drop-there", "mv "),
    "drop not sticky": (drop_not_sticky, "drop-mode", "chmod +t "),
    "drop not set-gid": (drop_not_set_gid, "drop-mode", "chmod g+s "),
    "drop without default ACL": (drop_without_default_acl, "drop-acl", "setfacl -m d:u:eggwatch:rwx "),
    "drop of another group": (drop_of_another_group, "drop-access", "usermod --append --groups alice eggwatch"),
    "way closed": (way_closed, "way", "chmod o+x "),
    "public of root": (public_of_root, "owners", "chown -R eggwatch: "),
    "ledger of root": (ledger_of_root, "owners", "chown -R eggwatch: "),
    "state open to all": (state_open_to_all, "writers", "chmod -R go-w "),
    "configuration open to all": (configuration_open_to_all, "writers", "chmod go-w "),
    "public closed to httpd": (public_closed_to_httpd, "web", "chmod o+rx "),
    "owners of nowhere": (owners_of_nowhere, "names", "useradd nobody-of-that-name"),
    "metrics to nowhere": (metrics_to_nowhere, "metrics", "install -d -o eggwatch "),
    "metrics of root": (metrics_of_root, "metrics", "setfacl -m u:eggwatch:rwx "),
    "event of tomorrow": (event_of_tomorrow, "clock", "timedatectl"),
}
"""What is broken, which check finds it, and how the remedy begins."""


@pytest.mark.parametrize("name", mostly_long(BROKEN))
def test_what_was_broken_is_found_and_nothing_else(site: Installation, name: str) -> None:
    """One finding, of the right check, with the command that mends it."""
    break_it, check, remedy = BROKEN[name]
    break_it(site)
    finding = site.finding()
    assert (finding["check"], finding["remedy"][: len(remedy)]) == (check, remedy), finding


MENDED = ("drop not sticky", "drop not set-gid", "drop without default ACL", "way closed", "state open to all",
          "public of root", "ledger of root", "configuration open to all", "public closed to httpd")  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("name", MENDED)
def test_the_command_that_it_names_mends_it(site: Installation, name: str) -> None:
    """It is pasted into a shell unchanged; then nothing is found."""
    BROKEN[name][0](site)
    site.root("sh", "-ec", site.finding()["remedy"])
    assert site.doctor()["findings"] == []


OWNED = f"uid={EGGWATCH},gid={EGGWATCH},mode=755"
MOUNTED = {
    "files on a disk of its own": ("mount -t tmpfs -o {owned} none {public}/files", "linking", "umount"),
    "a full disk": ("mount -t tmpfs -o {owned},size=1m none {public}", "space", "df -h"),
    "no inodes": ("mount -t tmpfs -o {owned},size=100m,nr_inodes=20 none {public}", "space", "df -i"),
    "a drop folder that is read-only": (
        "mount --bind {base}/drop {base}/drop; mount -o remount,ro,bind {base}/drop",
        "writable",
        "remount,rw",
    ),
    "few watches": (
        "echo 3 >{base}/few; mount --bind {base}/few /proc/sys/fs/inotify/max_user_watches",
        "inotify",
        "fs.inotify.max_user_watches=",
    ),
    "no instances": (
        "echo 1 >{base}/few; mount --bind {base}/few /proc/sys/fs/inotify/max_user_instances",
        "inotify",
        "fs.inotify.max_user_instances=",
    ),
}
"""What is mounted where, which check finds it, and what its remedy names."""


@pytest.mark.parametrize("name", mostly_long(MOUNTED))
def test_what_was_mounted_wrongly_is_found(site: Installation, name: str) -> None:
    """Disks and limits of the kernel."""
    script, check, remedy = MOUNTED[name]
    for number in range(3):
        (site.drop / f"folder{number}").mkdir()
    # An empty file system over what is published hides it, which is told as well.
    script = script.format(owned=OWNED, public=site.public, base=site.base)
    finding = site.finding(before=script, beside="index")
    assert (finding["check"], remedy in finding["remedy"]) == (check, True), finding


def test_a_daemon_without_its_capabilities_is_found(site: Installation) -> None:
    """The missing ones are named, with what does not work without them."""
    with site.running(*site.machine.as_account(EGGWATCH, "lease")):
        finding = site.finding()
    assert finding["check"] == "capabilities"
    assert "CAP_DAC_READ_SEARCH CAP_FOWNER" in finding["remedy"] and "CAP_LEASE" not in finding["problem"]
    assert "umask 077" in finding["problem"]


def test_a_daemon_from_before_it_became_a_member_of_the_group_is_found(site: Installation) -> None:
    """A process gets a new group only when it is restarted."""
    given = ",".join(f"+{name}" for name in CAPABILITIES)
    who = ["setpriv", "--reuid", str(EGGWATCH), "--regid", str(EGGWATCH), "--clear-groups"]
    with site.running(*site.machine.enter, *who, "--inh-caps", given, "--ambient-caps", given):
        finding = site.finding()
    assert finding["check"] == "drop-access"
    assert "since the daemon was started" in finding["problem"] and "restart" in finding["remedy"]


def test_another_account_is_told_what_it_may_not_look_at(site: Installation) -> None:
    """If STATE and DROP can't be entered, their checks are reported as not made, and not as passed."""
    site.state.chmod(0o700)
    row = site.doctor(CAROL)
    assert row["findings"] == []
    unchecked = {one["check"] for one in row["unchecked"]}
    assert unchecked >= {"owners", "writers", "inotify", "daemon"}
    assert all(one["where"] and one["reason"] for one in row["unchecked"])
    done = site.machine.eggwatch(CAROL, "--config", site.config, "doctor")
    assert done.returncode == 0
    assert done.stdout.count("not checked: ") == len(row["unchecked"])
    assert "0 findings" in done.stdout.splitlines()[-1] and "not checked" in done.stdout.splitlines()[-1]


def test_another_account_finds_what_can_be_seen(site: Installation) -> None:
    """Modes can be seen by everybody."""
    site.drop.chmod(0o2770)
    assert [one["check"] for one in site.doctor(BOB)["findings"]] == ["drop-mode"]


def test_a_private_folder_of_an_uploader_is_told_as_not_checked(site: Installation) -> None:
    """bob can't enter alice's folder, so it is not known whether it can be watched."""
    site.machine.run(ALICE, "mkdir", "-m", "0700", site.drop / "mine")
    site.root("setfacl", "-b", site.drop / "mine")
    row = site.doctor(BOB)
    assert [one["where"] for one in row["unchecked"] if one["check"] == "inotify"] == [str(site.drop / "mine")]


def test_nothing_is_changed_by_looking(site: Installation) -> None:
    """Every file is as it was, catalogs aside, and none is new."""

    def everything() -> dict[str, tuple[int, int, int]]:
        found = {str(path): path.stat() for path in [site.base, *site.base.rglob("*")] if "catalog" not in path.name}
        found.pop(str(site.state))  # SQLite's readers come and go
        return {path: (one.st_mode, one.st_uid, one.st_mtime_ns) for path, one in found.items()}

    before = everything()
    site.doctor()
    assert everything() == before


def test_a_wrong_configuration_is_2(site: Installation) -> None:
    """It is reported as by `config check`."""
    site.config.write_text("[index.main]\nnonsense = 1\n")
    done = site.machine.eggwatch(0, "--config", site.config, "doctor")
    assert (done.returncode, "nonsense" in done.stderr) == (2, True)


def test_a_mirror_that_the_daemon_only_reads_gives_no_finding(machine: Machine) -> None:
    """Nothing leaves it: it need not be writable, sticky or set-gid, nor empty the folders that people create."""
    site = Installation(machine, intake='"mirror"')
    site.root("setfacl", "-b", site.drop)
    site.drop.chmod(0o775)
    site.root("chgrp", "alice", site.drop)
    with site.running(*site.machine.as_account(EGGWATCH, "lease", "dac_read_search")):
        read_only = f"mount --bind {site.drop} {site.drop}; mount -o remount,ro,bind {site.drop}"
        assert site.doctor(before=read_only)["findings"] == []
        site.drop.chmod(0o770)
        finding = site.finding()
    assert (finding["check"], finding["remedy"]) == ("drop-access", f"chmod o+rx {site.drop}"), finding

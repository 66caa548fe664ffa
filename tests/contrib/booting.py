"""A machine with real systemd as PID 1: systemd-nspawn over a copy of this one that forgets everything."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import eggwatch

CLONE = Path(eggwatch.__file__).parents[1]
SECONDS = 120
"""A boot and its story take a fraction of that."""

SCRIPT = r"""
set -eu
mkdir "$UNIFIED/$NAME"
echo $$ >"$UNIFIED/$NAME/cgroup.procs"
mount -t tmpfs -o size=500m none "$BASE"
mkdir "$BASE/upper" "$BASE/work" "$BASE/root"
mount -t overlay -o "lowerdir=/,upperdir=$BASE/upper,workdir=$BASE/work" none "$BASE/root"
root=$BASE/root units=$BASE/root/etc/systemd/system
rm -rf "$units"/*.wants "$root/var/log/journal" "$root/srv"
mkdir -p "$root/opt/python" "$root/opt/code" "$root/opt/libraries" "$root/share" "$root/srv"
printf '%s\n' '[Unit]' 'Requires=sysinit.target dbus.socket' 'After=sysinit.target' 'Wants=story.service' \
    'AllowIsolate=yes' >"$units/story.target"
printf '%s\n' '[Unit]' 'After=dbus.socket systemd-journald.service' '[Service]' 'Type=oneshot' \
    'ExecStart=/bin/sh /share/story.sh' >"$units/story.service"
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
umount -l /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
exec systemd-nspawn -q -D "$root" -M "$NAME" --register=no --keep-unit --private-network --link-journal=no \
    --bind="$SHARE:/share" --bind-ro="$PYTHON:/opt/python" --bind-ro="$LIBRARIES:/opt/libraries" \
    --bind-ro="$CODE:/opt/code" --boot systemd.unit=story.target systemd.show_status=no
"""


def boot(share: Path, base: Path, story: str) -> str:
    """Boot, run `story` (a shell script) in it with `share` as /share, shut down; answers with what was printed.

    /opt/python, /opt/libraries and /opt/code are this Python, the libraries of the tests, and the clone.
    """
    for program in ("systemd-nspawn", "unshare", "dbus-daemon"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    name = f"eggwatch-{os.getpid()}"
    (share / "story.sh").write_text(f"{story}\nsystemctl --no-block exit 0\n")
    base.mkdir()
    environment = {
        **os.environ,
        "NAME": name,
        "UNIFIED": _unified(),
        "BASE": str(base),
        "SHARE": str(share),
        "PYTHON": sys.base_prefix,
        "LIBRARIES": sysconfig.get_path("purelib"),
        "CODE": str(CLONE),
    }
    with _tidied(name):
        done = subprocess.run(
            ["timeout", "-s", "KILL", str(SECONDS), "unshare", "-m", "--propagation", "private", "sh", "-c", SCRIPT],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    return f"exit {done.returncode}\n{done.stdout}{done.stderr}"


@contextlib.contextmanager
def _tidied(name: str) -> Iterator[None]:
    """What a boot leaves outside: its processes if it was cut short, its cgroups, and nspawn's folder."""
    groups = Path(_unified(), name)
    try:
        yield
    finally:
        for _ in range(100):
            left = [int(pid) for procs in groups.rglob("cgroup.procs") for pid in procs.read_text().split()]
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not left:
                break
            time.sleep(0.05)
        for folder, _, _ in os.walk(groups, topdown=False):
            os.rmdir(folder)
        with contextlib.suppress(FileNotFoundError):
            Path("/run/systemd/nspawn/propagate", name).rmdir()


def _unified() -> str:
    """Where the second version of cgroups is mounted."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return place
    pytest.skip("this machine has no cgroups of version 2")

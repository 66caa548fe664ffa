"""A machine with real systemd as PID 1: systemd-nspawn over a copy of this one that forgets everything."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import eggwatch
from tests.running import until

CLONE = Path(eggwatch.__file__).parents[1]
SECONDS = 840
"""The boots and their stories take a tenth of that on a quiet machine."""

SCRIPT = r"""
set -eu
mkdir "$UNIFIED/$NAME"
echo $$ >"$UNIFIED/$NAME/cgroup.procs"
mount -t tmpfs -o size=700m none "$BASE"
mkdir "$BASE/upper" "$BASE/work" "$BASE/root" "$BASE/public"
mount -t overlay -o "lowerdir=/,upperdir=$BASE/upper,workdir=$BASE/work" none "$BASE/root"
mount -t tmpfs -o "size=$PUBLIC_SIZE" none "$BASE/public"
root=$BASE/root units=$BASE/root/etc/systemd/system
rm -rf "$units"/*.wants "$root/var/log/journal" "$root/srv" "$root/etc/pip.conf"
mkdir -p "$root/opt/code" "$root/share" "$root/srv/eggwatch"
printf '%s\n' '[Unit]' 'Requires=sysinit.target dbus.socket' 'After=sysinit.target' \
    'Wants=story.service multi-user.target' 'AllowIsolate=yes' >"$units/story.target"
printf '%s\n' '[Unit]' 'After=dbus.socket systemd-journald.service' '[Service]' 'Type=oneshot' \
    'ExecStart=/bin/sh /share/story.sh' >"$units/story.service"
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
umount -l /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
for boot in $BOOTS; do
    mode="--boot systemd.unit=story.target systemd.show_status=no"
    [ "$boot" != container ] || mode="--as-pid2 /bin/sh /share/story.sh"
    printf '%s\n' "cd /opt/code" "$STORY $boot >/share/$boot.told 2>&1" 'systemctl --no-block exit 0' >"$SHARE/story.sh"
    systemd-nspawn -q -D "$root" -M "$NAME" --register=no --keep-unit --private-network --link-journal=no \
        --bind="$SHARE:/share" --bind="$BASE/public:/srv/eggwatch" --bind-ro="$CODE:/opt/code" \
        $mode
done
"""


def boot(share: Path, base: Path, story: str, boots: tuple[str, ...], *, public_size: str = "32m") -> str:
    """Boot once for each of `boots`, with `story`, a command that is given its name; answers with what was printed.

    The boot `container` is none: systemd is there, but does not run.

    `share` is /share inside, and the clone, read-only, /opt/code. /srv/eggwatch is a disk of its own.
    """
    for program in ("systemd-nspawn", "unshare", "dbus-daemon"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    name = f"eggwatch-{os.getpid()}"
    base.mkdir()
    environment = {
        **os.environ,
        "NAME": name,
        "UNIFIED": _unified(),
        "BASE": str(base),
        "SHARE": str(share),
        "CODE": str(CLONE),
        "STORY": story,
        "BOOTS": " ".join(boots),
        "PUBLIC_SIZE": public_size,
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
        until("the machine's processes are gone", lambda: not _killed(groups), pause=0.05)
        for folder, _, _ in os.walk(groups, topdown=False):
            os.rmdir(folder)
        with contextlib.suppress(FileNotFoundError):
            Path("/run/systemd/nspawn/propagate", name).rmdir()


def _killed(groups: Path) -> list[int]:
    """The processes that were still there, and were killed."""
    left = [int(pid) for procs in groups.rglob("cgroup.procs") for pid in procs.read_text().split()]
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return left


def _unified() -> str:
    """Where the second version of cgroups is mounted."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return place
    pytest.skip("this machine has no cgroups of version 2")

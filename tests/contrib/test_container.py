"""contrib/container: the image is built on a bare Debian, and its three services publish what scp brings."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contrib.booting import CLONE
from tests.installers import clean_environment

pytestmark = [pytest.mark.parts, pytest.mark.root, pytest.mark.container, pytest.mark.long, pytest.mark.timeout(900)]

APART = """
mount --make-rprivate /
for folder in /etc/cni/net.d /var/lib/cni /run/netns /run/libpod /run/crun; do
    mkdir -p $folder
    mount -t tmpfs none $folder
done
umount -l /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
ip link set lo up
echo ready
exec sleep infinity
"""
"""Mounts, network and processes of the containers' own; cgroups of one version, as crun refuses a mixture."""

LIMITS = """[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
"""
"""Not every machine lets root have the limits that podman asks for."""

SSH = """Port 2222
IdentityFile id
ConnectionAttempts 60
StrictHostKeyChecking accept-new
UserKnownHostsFile hosts
"""

PODMAN = """#!/bin/sh
export CONTAINERS_CONF={base}/containers.conf
[ "$1" = build ] || network=-n      # only what is built needs the world
exec nsenter --wd="$PWD" -t {pid} -m -p $network podman --root {base}/store --runroot {base}/run "$@"
"""


@dataclass(frozen=True, kw_only=True)
class Apart:
    """podman with a store, mounts and a network of its own."""

    base: Path
    pid: int

    def run(self, *words: str | Path) -> str:
        """A command beside the containers, and what it prints."""
        command = ["nsenter", "-t", str(self.pid), "-n", *map(str, words)]
        environment = {**clean_environment(self.base), "PATH": os.environ["PATH"]}
        done = subprocess.run(command, cwd=self.base, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def podman(self, *words: str | Path) -> str:
        """A command of podman."""
        done = subprocess.run([self.base / "podman", *words], cwd=CLONE, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def compose(self, *words: str) -> None:
        """A command of podman-compose, in the folder of the sample."""
        command = ["podman-compose", "--podman-path", self.base / "podman", "-f", "compose.yaml", *words]
        done = subprocess.run(command, cwd=self.base / "container", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def apart() -> Iterator[Apart]:
    """A place for containers that leaves nothing behind."""
    for program in ("podman", "podman-compose", "mmdebstrap"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    command = ["unshare", "-mnpf", "--kill-child", "--mount-proc", "sh", "-ec", APART]
    with (
        tempfile.TemporaryDirectory(prefix="eggwatch-pod-") as folder,  # podman wants a short path
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as holder,
    ):
        base = Path(folder)
        try:
            assert holder.stdout and holder.stdout.readline() == "ready\n"
            (base / "containers.conf").write_text(LIMITS)
            (pid,) = _children(holder.pid)
            (base / "podman").write_text(PODMAN.format(base=base, pid=pid))
            (base / "podman").chmod(0o755)
            yield Apart(base=base, pid=pid)
        finally:
            for pid in _children(holder.pid):  # the first process there: all others end with it, before `holder` does
                os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def build(place: Apart, wheels: Path) -> None:
    """The image, on a Debian as its installer leaves it, and with the wheels in place of PyPI."""
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", "bookworm", place.base / "base.tar"],
        check=True,
        capture_output=True,
    )
    place.podman("import", "-q", place.base / "base.tar", "localhost/base")
    download = (sys.executable, "-I", "-m", "pip", "download", "-q", "--no-deps", "--dest", place.base / "setuptools")
    subprocess.run([*download, "setuptools>=77"], check=True, capture_output=True)
    (place.base / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels /setuptools\n")
    volumes = (
        f"{wheels}:/wheels:ro",
        f"{place.base}/setuptools:/setuptools:ro",
        f"{place.base}/pip.conf:/etc/pip.conf:ro",
    )
    options = (
        "--layers=false",
        "--isolation=chroot",
        "--network=host",
        *(word for volume in volumes for word in ("-v", volume)),
    )
    file = ("-f", "contrib/container/Containerfile", "-t", "eggwatch")
    place.podman("build", "-q", *options, "--build-arg", "BASE=localhost/base", *file, ".")


def test_the_containers_publish_what_scp_brings_also_after_they_were_made_anew(
    wheelhouse: Path,
) -> None:
    """As docs/container.rst says: an image, the services, scp, pip; the index lies in volumes."""
    with apart() as place:
        build(place, wheelhouse / "wheels")
        shutil.copytree(CLONE / "contrib/container", place.base / "container")
        place.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "id")
        shutil.copyfile(place.base / "id.pub", place.base / "container/authorized_keys")
        place.compose("up", "-d", "--no-build")
        place.run(sys.executable, CLONE / "contrib/demo_wheel.py", "dist")
        (place.base / "ssh_config").write_text(SSH)
        scp = ("scp", "-q", "-F", "ssh_config", next((place.base / "dist").iterdir()), "drop@localhost:")
        place.run(*scp)
        eggwatch = ("exec", "container_daemon_1", "eggwatch")
        assert "installable" in place.podman(*eggwatch, "wait", "eggwatch-demo==1.0")
        assert "-py3-none-any.whl by drop" in place.podman(*eggwatch, "history")
        place.compose("down")
        place.compose("up", "-d", "--no-build")
        pip = (sys.executable, "-m", "pip", "--isolated", "install", "-q", "--no-deps", "--target", "installed")
        place.run(*pip, "-i", "http://localhost:8080/simple/", "eggwatch-demo")
        place.run(*scp)  # to the same host key
        place.podman("stop", "-t", "30", "-a")
        assert place.podman("inspect", "-f", "{{.State.ExitCode}}", "container_daemon_1") == "0\n"
        place.compose("down", "-v")

"""scp, sftp and rsync against a real sshd: published once and whole, within a second, and their tools say nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.uploaders.payloads import MEGABYTE, sdist_of, wheel_of
from tests.uploaders.running import Done, IndexDaemon, run_shell
from tests.uploaders.servers import Sshd
from tests.uploaders.test_local_tools import Record, slug

pytestmark = [pytest.mark.parts, pytest.mark.root]

Upload = Callable[[Sshd, Path, Path], Done]

UPLOADS: dict[str, Upload] = {
    "scp": lambda ssh, source, drop: ssh.scp(source, f"h:{drop}/"),
    "scp -p": lambda ssh, source, drop: ssh.scp("-p", source, f"h:{drop}/"),
    "scp -O": lambda ssh, source, drop: ssh.scp("-O", source, f"h:{drop}/"),
    "scp -O -p": lambda ssh, source, drop: ssh.scp("-O", "-p", source, f"h:{drop}/"),
    "scp -C -l": lambda ssh, source, drop: ssh.scp("-C", "-l", "40000", source, f"h:{drop}/{source.name}"),
    "scp twice": lambda ssh, source, drop: (ssh.scp(source, f"h:{drop}/"), ssh.scp("-p", source, f"h:{drop}/"))[-1],
    "sftp put": lambda ssh, source, drop: ssh.sftp(f"put {source} {drop}/"),
    "sftp put -p": lambda ssh, source, drop: ssh.sftp(f"put -p {source} {drop}/"),
    "sftp put -f": lambda ssh, source, drop: ssh.sftp(f"put -f {source} {drop}/"),
    "sftp put, chmod": lambda ssh, source, drop: ssh.sftp(f"put {source} {drop}/", f"chmod 600 {drop}/{source.name}"),
    "sftp put .part, rename": lambda ssh, source, drop: ssh.sftp(
        f"put {source} {drop}/{source.name}.part", f"rename {drop}/{source.name}.part {drop}/{source.name}"
    ),
    "sftp put .in., rename": lambda ssh, source, drop: ssh.sftp(
        f"put {source} {drop}/.in.{source.name}", f"rename {drop}/.in.{source.name} {drop}/{source.name}"
    ),
    "sftp put .filepart, hard link": lambda ssh, source, drop: ssh.sftp(
        f"put {source} {drop}/{source.name}.filepart",
        f"ln {drop}/{source.name}.filepart {drop}/{source.name}",
        f"rm {drop}/{source.name}.filepart",
    ),
    "rsync": lambda ssh, source, drop: ssh.rsync(source, f"h:{drop}/"),
    "rsync -a": lambda ssh, source, drop: ssh.rsync("-a", source, f"h:{drop}/"),
    "rsync -tz": lambda ssh, source, drop: ssh.rsync("-tz", source, f"h:{drop}/"),
    "rsync --inplace": lambda ssh, source, drop: ssh.rsync("--inplace", source, f"h:{drop}/"),
    "rsync -a --inplace": lambda ssh, source, drop: ssh.rsync("-a", "--inplace", source, f"h:{drop}/"),
    "rsync --inplace --preallocate": lambda ssh, source, drop: ssh.rsync(
        "--inplace", "--preallocate", "-t", source, f"h:{drop}/"
    ),
    "rsync --inplace --sparse": lambda ssh, source, drop: ssh.rsync("--inplace", "--sparse", source, f"h:{drop}/"),
    "rsync --partial": lambda ssh, source, drop: ssh.rsync("--partial", "-t", source, f"h:{drop}/"),
    "rsync --partial-dir": lambda ssh, source, drop: ssh.rsync("--partial-dir=.rsync", source, f"h:{drop}/"),
    "rsync --delay-updates": lambda ssh, source, drop: ssh.rsync("--delay-updates", "-t", source, f"h:{drop}/"),
    "rsync --append": lambda ssh, source, drop: ssh.rsync("--append", source, f"h:{drop}/"),
    "rsync --temp-dir": lambda ssh, source, drop: ssh.rsync(f"--temp-dir={drop.parent}", source, f"h:{drop}/"),
    "rsync --chmod": lambda ssh, source, drop: ssh.rsync("--chmod=F600", "-p", source, f"h:{drop}/"),
    "ssh cat": lambda ssh, source, drop: run_shell(f"{ssh.ssh} h 'cat > {drop}/{source.name}' < {source}"),
    "ssh umask 077 cat": lambda ssh, source, drop: run_shell(
        f"{ssh.ssh} h 'umask 077; cat > {drop}/{source.name}' < {source}"
    ),
    "ssh tar": lambda ssh, source, drop: run_shell(
        f"tar -C {source.parent} -cf - {source.name} | {ssh.ssh} h 'tar -C {drop} -xf -'"
    ),
}


@pytest.mark.parametrize("label", UPLOADS)
def test_an_upload_over_ssh_is_published_once_and_whole(
    open_daemon: IndexDaemon, sshd: Sshd, tmp_path: Path, record_property: Record, label: str
) -> None:
    """`quiet` is an hour; what counts is that the server's side has closed the file."""
    name, data = wheel_of(f"ssh-{slug(label)}", 3 * MEGABYTE)
    source = tmp_path / name
    source.write_bytes(data)
    os.utime(source, (1577934245, 1577934245))
    done = UPLOADS[label](sshd, source, open_daemon.drop)
    seconds = open_daemon.wait_published(name, done.at)
    record_property("seconds until visible", seconds)
    open_daemon.assert_published_once(name, data)


@pytest.mark.parametrize("options", [("-r",), ("-r", "-p"), ("-O", "-r"), ("-O", "-r", "-p")], ids=" ".join)
def test_a_folder_by_scp_is_published_file_by_file(
    open_daemon: IndexDaemon, sshd: Sshd, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """scp -r makes folders first, and sets their times last."""
    folder = tmp_path / f"release{''.join(options)}"
    (folder / "more").mkdir(parents=True)
    uploads = {}
    for number in range(6):
        project = f"release{slug(' '.join(options))}-{number}"
        for name, data in (wheel_of(project, 90_000), sdist_of(project)):
            (folder / ("more" if number % 2 else "") / name).write_bytes(data)
            uploads[name] = data
    done = sshd.scp(*options, folder, f"h:{open_daemon.drop}/")
    for name, data in uploads.items():
        open_daemon.wait_published(name, done.at)
        open_daemon.assert_published_once(name, data)


def test_eight_clients_at_once_each_end_well(open_daemon: IndexDaemon, sshd: Sshd, tmp_path: Path) -> None:
    """scp -p, scp -O -p, sftp and rsync side by side, each with files of its own."""
    from concurrent.futures import ThreadPoolExecutor

    uploads = {}
    for number in range(16):
        name, data = wheel_of(f"crowd-{number}", 400_000)
        (tmp_path / name).write_bytes(data)
        uploads[name] = data
    kinds = [UPLOADS["scp -p"], UPLOADS["scp -O -p"], UPLOADS["sftp put -p"], UPLOADS["rsync -a --inplace"]]
    with ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(kinds[number % 4], sshd, tmp_path / name, open_daemon.drop)
            for number, name in enumerate(uploads)
        ]
        ends = [job.result() for job in jobs]
    for name, data in uploads.items():
        open_daemon.wait_published(name, max(done.at for done in ends))
        open_daemon.assert_published_once(name, data)

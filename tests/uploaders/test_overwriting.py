"""Uploaders who overwrite what they have just uploaded, at any moment: nothing is lost, and nothing torn is shown."""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.running import until
from tests.uploaders.payloads import MEGABYTE, wheel_of
from tests.uploaders.running import IndexDaemon, run_shell, run_tool
from tests.uploaders.servers import need
from tests.uploaders.test_local_tools import slug

ROUNDS = 15
LINGERS = ["0ms", "100ms", "2s"]
WAYS = {
    "cp": 'cp "$FILE" "$TARGET"',
    "cp --remove-destination": 'cp --remove-destination "$FILE" "$TARGET"',
    "install": 'install "$FILE" "$TARGET"',
    "mv": 'cp "$FILE" "$DROP/.mine"; mv "$DROP/.mine" "$TARGET"',
    "rsync --inplace": 'rsync --inplace --ignore-times "$FILE" "$TARGET"',
}


def versions(folder: Path, project: str, count: int) -> tuple[str, list[bytes]]:
    """Wheels of one name with different bytes, as files 0, 1, 2, … in a folder."""
    contents = []
    for number in range(count):
        name, data = wheel_of(project, 200_000, seed=number)
        (folder / str(number)).write_bytes(data)
        contents.append(data)
    return name, contents


def patiently(way: str, linger: str) -> str:
    """A way of uploading, tried twice if the daemon has no `linger`.

    cp and rsync fail if a file is removed between their check and their open, which `linger` prevents. With the
    default linger it never happens, so there is no second try.
    """
    return WAYS[way] if linger == "2s" else f"{{ {WAYS[way]}; }} 2> /dev/null || {{ sleep 0.05; {WAYS[way]}; }}"


def sha256(data: bytes) -> str:
    """The hash as events spell it."""
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("linger", LINGERS)
@pytest.mark.parametrize("way", WAYS)
def test_the_same_bytes_over_and_over_are_published_once(
    shared_daemon: Callable[..., IndexDaemon], tmp_path: Path, way: str, linger: str
) -> None:
    """The daemon removes the original meanwhile; every command of the loop exits 0."""
    need(way.split()[0])
    project = f"again-{slug(way)}"
    name, (data,) = versions(tmp_path, project, 1)
    daemon = shared_daemon(linger=f'"{linger}"')
    names = f'FILE="{tmp_path}/0"; DROP="{daemon.drop}"; TARGET="$DROP/{name}"; '
    done = run_shell(f"{names} for i in $(seq {ROUNDS}); do {patiently(way, linger)}; sleep 0.0$((RANDOM % 7)); done")
    daemon.wait_published(name, done.at)
    daemon.wait_empty()
    assert daemon.kinds_of(name) == ["admitted"]
    assert (daemon.public / "files" / project / name).read_bytes() == data


@pytest.mark.parametrize("linger", LINGERS)
@pytest.mark.parametrize("way", WAYS)
def test_other_bytes_over_and_over_are_each_published_or_refused_whole(
    shared_daemon: Callable[..., IndexDaemon], tmp_path: Path, way: str, linger: str
) -> None:
    """A version that was overwritten before it was read has no verdict; the last one always has."""
    need(way.split()[0])
    name, contents = versions(tmp_path, f"changing-{slug(way)}", ROUNDS)
    daemon = shared_daemon(linger=f'"{linger}"')
    names = f'DROP="{daemon.drop}"; TARGET="$DROP/{name}"; '
    upload = f'FILE="{tmp_path}/$i"; {patiently(way, linger)}'
    run_shell(f"{names} for i in $(seq 0 {ROUNDS - 1}); do {upload}; sleep 0.0$((RANDOM % 7)); done")
    assert_all_accounted_for(daemon, name, contents, last=[contents[-1]])


def assert_all_accounted_for(daemon: IndexDaemon, name: str, contents: list[bytes], *, last: list[bytes]) -> None:
    """One is published, the others refused, none torn; of `last` one has the last word, and lies in rejected/."""
    known = {sha256(data): data for data in contents}
    daemon.wait_empty()
    (published,) = daemon.events_of(name)
    assert published["sha256"] in known
    refused = daemon.events_of(name, "rejected")
    assert {event["sha256"] for event in refused} <= known.keys(), daemon.log
    assert all([flaw["code"] for flaw in event["flaws"]] == ["file-exists"] for event in refused)
    verdicts = {published["sha256"], *(event["sha256"] for event in refused)}
    assert any(sha256(data) in verdicts for data in last), daemon.log
    if refused:
        until("a refused file", (daemon.drop / "rejected" / name).exists)
        assert kept_refusals(daemon, name)[refused[-1]["serial"]] == refused[-1]["sha256"]


def kept_refusals(daemon: IndexDaemon, name: str) -> dict[int, str]:
    """Serials and hashes of the refused files in rejected/ and earlier/; each must lie beside its own reason."""
    kept = {}
    folder = daemon.drop / "rejected"
    for path in [folder / name, *folder.glob(f"earlier/*-{name}")]:
        if path.exists():
            reason = json.loads(path.with_name(f"{path.name}.reason.json").read_bytes())
            assert reason["sha256"] == sha256(path.read_bytes()), path
            kept[reason["serial"]] = reason["sha256"]
    return kept


@pytest.mark.parametrize("way", ["cp", "mv"])
def test_two_uploaders_who_overwrite_each_other_end_well(
    start_daemon: Callable[..., IndexDaemon], tmp_path: Path, way: str
) -> None:
    """Torn mixtures of two writers are never published; what is published is what one of them sent."""
    name, contents = versions(tmp_path, "rivals", 2)
    daemon = start_daemon(linger='"20ms"')
    problems: list[BaseException] = []

    def upload(number: int) -> None:
        names = f'FILE="{tmp_path}/{number}"; DROP="{daemon.drop}"; TARGET="$DROP/{name}"; '
        loop = patiently(way, "20ms").replace(".mine", f".mine{number}")
        try:
            run_shell(f"{names} for i in $(seq {ROUNDS}); do {loop}; sleep 0.0$((RANDOM % 9)); done")
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=upload, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    if way == "mv":
        assert_all_accounted_for(daemon, name, contents, last=contents)
    else:  # two truncating writers may leave a mixture behind, which nobody sent whole
        until("a verdict on one of them", lambda: daemon.events_of(name))
        assert daemon.events_of(name)[0]["sha256"] in {sha256(data) for data in contents}


def test_a_big_upload_that_is_overwritten_while_it_is_read_is_read_again(
    start_daemon: Callable[..., IndexDaemon], tmp_path: Path
) -> None:
    """Written into in place as soon as the spool begins to fill: a mixture is neither published nor refused."""
    name, first = wheel_of("big", 100 * MEGABYTE, seed="first")
    second = wheel_of("big", 100 * MEGABYTE, seed="second")[1]
    daemon = start_daemon()
    spool = daemon.public / ".eggwatch"
    (daemon.drop / ".first").write_bytes(first)
    (daemon.drop / ".first").rename(daemon.drop / name)
    until(
        "the copying", lambda: [path for path in spool.glob("*.bytes") if path.stat().st_size > MEGABYTE], pause=0.001
    )
    with (daemon.drop / name).open("r+b", buffering=0) as file:
        file.write(second)
    assert_all_accounted_for(daemon, name, [first, second], last=[second])


def write_slowly(path: Path, content: bytes) -> None:
    """Open without truncating, and write a good while later; or make a new file if it has left."""
    try:
        fd = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        path.write_bytes(content)
        return
    time.sleep(0.05)  # "a good while later"
    os.pwrite(fd, content, 0)
    os.close(fd)


def test_a_writer_who_opens_the_original_as_it_leaves_loses_nothing(start_daemon: Callable[..., IndexDaemon]) -> None:
    """At any moment around its departure."""
    linger, chooser = 0.2, random.Random(7)
    daemon = start_daemon(linger=f'"{int(linger * 1000)}ms"')
    uploads = {}
    for number in range(24):
        name, first = wheel_of(f"leaving-{number}", 50_000, seed="first")
        uploads[name] = (first, wheel_of(f"leaving-{number}", 50_000, seed="second")[1])

    def overwrite(name: str, first: bytes, second: bytes, when: float) -> None:
        path = daemon.drop / name
        path.write_bytes(first)
        written = time.monotonic()
        until("its event", lambda: daemon.events_of(name), pause=0.02)
        time.sleep(max(0.0, written + when - time.monotonic()))  # moments around the departure are the subject
        write_slowly(path, second)

    threads = [
        threading.Thread(target=overwrite, args=(name, *both, linger + chooser.uniform(-0.03, 0.09)))
        for name, both in uploads.items()
    ]
    for thread in threads:
        thread.start()
        time.sleep(0.02)  # so that their moments meet different steps of the daemon
    for thread in threads:
        thread.join()
    daemon.wait_empty()
    for name, (first, second) in uploads.items():
        assert [event["sha256"] for event in daemon.events_of(name)] == [sha256(first)]
        assert [event["sha256"] for event in daemon.events_of(name, "rejected")] == [sha256(second)], daemon.log
        assert (daemon.drop / "rejected" / name).read_bytes() == second


def test_a_refused_upload_is_not_told_twice_while_its_original_waits(
    start_daemon: Callable[..., IndexDaemon], tmp_path: Path
) -> None:
    """The same bytes refused again for the same reason only refresh the reason."""
    name, contents = versions(tmp_path, "refused", 2)
    daemon = start_daemon()
    for number in (0, 1, 1, 1):
        done = run_tool("cp", tmp_path / str(number), daemon.drop / name)
        daemon.wait_published(name, done.at)
        daemon.wait_empty()
    assert daemon.kinds_of(name) == ["admitted", "rejected"]
    assert (daemon.drop / "rejected" / name).read_bytes() == contents[1]

"""78 recorded uploads, replayed into one daemon: each is published once and whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.running import until
from tests.uploaders.replaying import WHEEL, Replay, Trace, all_traces
from tests.uploaders.running import IndexDaemon, moment, running

AT_A_TIME = 8
MISSING = "the end of the file is missing"
TWICE = "replace-while-open"
"""The same bytes are uploaded, removed and uploaded again: who was published by then is told that nothing changed."""

TRACES = {trace.label: trace for trace in all_traces()}
COMING = [label for label, trace in TRACES.items() if trace.whole()]
STAYING = [label for label, trace in TRACES.items() if trace.short()]


@dataclass(frozen=True, slots=True)
class Replayed:
    """All replays, done, and the daemon that met them."""

    daemon: IndexDaemon
    replays: dict[str, Replay]


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    """Replay everything, a few at a time, until all that is to leave the drop folder has left."""
    base = tmp_path_factory.mktemp("replayed")
    (base / "outside").mkdir()
    with running(base) as daemon:
        replays = {
            label: Replay(trace=trace, drop=daemon.drop, outside=base / "outside") for label, trace in TRACES.items()
        }
        for replay in replays.values():
            assert replay.trace.contents
            replay.lay_down()
        until("short files are deferred", lambda: all_deferred(daemon, replays))
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(Replay.run, replays.values()))
        daemon.wait_empty(*(replay.trace.here(name) for replay in replays.values() for name in replay.trace.short()))
        yield Replayed(daemon, replays)


def all_deferred(daemon: IndexDaemon, replays: dict[str, Replay]) -> bool:
    """Whether what lay there before each trace has been read and found unfinished."""
    names = [replay.trace.here(name) for replay in replays.values() for name in replay.trace.before]
    return all(MISSING in daemon.reason_for(name) for name in names)


def test_the_recordings_are_all_there() -> None:
    """78 recordings: 64 end well, 11 end short, as holes (`cp --sparse` of nothing) or as a link, 3 leave nothing."""
    assert len(TRACES) == 78
    assert set(COMING).isdisjoint(STAYING)
    assert sorted(STAYING) == [
        "cp-killed-slow",
        "cp-reflink-sparse",
        "ftp-killed",
        "ln-symlink",
        "rsync-inplace-killed",
        "rsync-partial-killed",
        "scp-legacy-killed",
        "scp-sftp-killed",
        "smb-explorer-killed",
        "smb-killed",
        "sshd-killed-server-side",
    ]
    assert sorted(TRACES.keys() - set(COMING) - set(STAYING)) == [
        "dav-curl-put-killed",
        "rsync-daemon-killed",
        "rsync-killed",
    ]


@pytest.mark.parametrize("label", TRACES)
def test_no_step_of_the_uploader_fails(replayed: Replayed, label: str) -> None:
    """Law 9: opening, writing, renaming, and setting mode and times by name after closing, all go well."""
    replay = replayed.replays[label]
    if replay.problem is not None:
        raise replay.problem
    assert sorted(replay.whole_at) == sorted(replay.trace.whole())


@pytest.mark.parametrize("label", COMING)
def test_a_whole_upload_is_published_exactly_once_and_whole(replayed: Replayed, label: str) -> None:
    """The bytes on the page are the uploader's, and there is one event for them."""
    trace = TRACES[label]
    for name in trace.whole():
        filename = trace.here(name).rpartition("/")[2]
        told = "PUBLISHED" if label == TWICE else "PUBLISHED\n"
        replayed.daemon.assert_published_once(filename, trace.content_for(name), told)


@pytest.mark.parametrize("label", COMING)
def test_it_is_published_as_soon_as_it_ends_and_never_before(replayed: Replayed, label: str) -> None:
    """`quiet` is an hour here: only the last close of a writer, not the clock, makes an upload finished."""
    trace, replay = TRACES[label], replayed.replays[label]
    for name in trace.whole():
        (event,) = replayed.daemon.events_of(trace.here(name).rpartition("/")[2])
        assert moment(event) - replay.whole_at[name] >= 0


@pytest.mark.parametrize("label", [label for label, trace in TRACES.items() if not trace.before])
def test_what_somebody_has_open_is_not_read(replayed: Replayed, label: str) -> None:
    """A file is claimed at most once for each time that it was changed and closed."""
    replay = replayed.replays[label]
    for path in replay.rests:
        assert replayed.daemon.log.count(f"claim    {path}: ") <= replay.rests[path]


@pytest.mark.parametrize("label", STAYING)
def test_what_ends_short_stays_in_the_drop_folder(replayed: Replayed, label: str) -> None:
    """Truncated, or of full size with holes, or a symbolic link: never published nor rejected, but listed."""
    trace, daemon = TRACES[label], replayed.daemon
    path = trace.here(WHEEL)
    daemon.assert_not_published(path)
    assert not daemon.events_of(path, "rejected")
    assert path in daemon.lying()
    reason = until("a reason in status.json", lambda: daemon.reason_for(path))
    assert ("symbolic link" if label == "ln-symlink" else MISSING) in reason


@pytest.mark.parametrize("label", sorted(TRACES.keys() - set(COMING) - set(STAYING)))
def test_an_upload_that_was_taken_back_leaves_no_trace(replayed: Replayed, label: str) -> None:
    """A receiver that deletes its temporary file has uploaded nothing."""
    assert all(TRACES[label].here(WHEEL) != event["filename"] for event in replayed.daemon.events())


def test_the_page_of_a_project_does_not_exist_for_what_was_never_published(replayed: Replayed) -> None:
    """A page for each project that has a file, and for no other."""
    expected = {
        Trace.here(TRACES[label], name).rpartition("/")[2].split("-")[0].replace("_", "-")
        for label in COMING
        for name in TRACES[label].whole()
    }
    assert {path.parent.name for path in replayed.daemon.public.glob("simple/*/index.v1_json")} == expected

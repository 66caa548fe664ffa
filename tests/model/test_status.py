"""Status: back from its JSON, also from that of another version."""

from __future__ import annotations

import json

import pytest

from eggwatch.model.status import Amount, LastVerify, QueuedUpload, Status, WaitingFile, Watching

FULL = Status(
    eggwatch="1.0",
    ready=True,
    serial=7,
    queue_length=1,
    oldest_waiting_seconds=1.5,
    disk_free={"public": 10, "state": None},
    last_verify=LastVerify(at="2026-01-01T00:00:00.000000Z", findings=0),
    pid=4711,
    privileges=("CAP_LEASE",),
    index="main",
    waiting=(WaitingFile(path="demo-1.0.tar.gz", reason="its end is missing"),),
    in_hand=("other-1.0.tar.gz",),
    queue_counts={"waiting": 1},
    queue=(QueuedUpload(path="demo-1.0.tar.gz", stage="waiting", since="2026-01-01T00:00:00.000000Z", reason=""),),
    unfinished=("demo-1.0.tar.gz",),
    watcher=Watching(mode="polling", reason="no inotify here"),
    faults={"drop": "it is not there"},
    leavings={"files": Amount(files=1, bytes=2)},
    cursors={"receipts": 7},
    behind={"receipts": 0},
    at="2026-01-01T00:00:00.000000Z",
)


@pytest.mark.parametrize("status", [FULL, Status()], ids=["full", "empty"])
def test_a_status_comes_back_from_its_json(status: Status) -> None:
    """All of it, with its types."""
    assert Status.from_json(json.loads(json.dumps(status.as_json()))) == status


def test_keys_of_a_newer_version_are_left_aside() -> None:
    """At the top and in each part."""
    data = json.loads(json.dumps(FULL.as_json()))
    for part in (data, data["watcher"], data["last_verify"], data["queue"][0], data["waiting"][0]):
        part["new"] = 1
    assert Status.from_json(data) == FULL


def test_what_monitors_may_know_names_no_account_and_no_file() -> None:
    """Neither what waits nor who is at work; a disk that can't be asked is null."""
    public = FULL.as_public_json()
    assert public["disk_free"] == {"public": 10, "state": None}
    assert "demo" not in json.dumps(public) and not public.keys() & {"pid", "account", "index", "faults"}
    assert Status.from_json(public).serial == FULL.serial


@pytest.mark.parametrize("data", [{"queue": 1}, {"queue": [{}]}, {"watcher": "no"}, {"unfinished": None}])
def test_what_is_no_status_is_an_error(data: dict[str, object]) -> None:
    """KeyError or TypeError, which readers take for no status at all."""
    with pytest.raises((KeyError, TypeError)):
        Status.from_json(data)

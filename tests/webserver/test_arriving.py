"""Many large uploads that arrive at once: the disk never gets full, and what others send comes in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from socket import create_connection
from urllib.parse import urlsplit

import pytest

from tests.archive_factory import sdist
from tests.running import PATIENT, until
from tests.webserver.door import Door, fields_of, multipart, open_door

pytestmark = [pytest.mark.parts, pytest.mark.root]

MIB = 1 << 20


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """A door whose drop folder has 64 MiB, of which 16 are to stay free."""
    drop = tmp_path / "index" / "drop"
    drop.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={64 * MIB}", "tmpfs", drop], check=True)
    try:
        with open_door(tmp_path / "index", min_free='"16MiB"') as door:
            yield door
    finally:
        subprocess.run(["umount", "-l", drop], check=True)


def free_on(drop: Path) -> int:
    status = os.statvfs(drop)
    return status.f_bavail * status.f_frsize


def test_uploads_that_never_end_leave_the_reserve_and_room_for_others(door: Door) -> None:
    """Twelve of 20 MiB, of which the last MiB never comes; when they are gone nothing of them is left."""
    parts, block = urlsplit(door.url), bytes(MIB)
    body, kind = multipart(fields_of(sdist("large")), ("large-1.0.tar.gz", bytes(20 * MIB)))
    head = f"POST /legacy/ HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    start = head.encode() + body[: body.index(block)]
    with ExitStack() as stack:
        large = [
            stack.enter_context(closing(create_connection((parts.hostname, parts.port), timeout=PATIENT)))
            for _ in range(12)
        ]
        for part in [start, *[block] * 19]:
            for connection in large:
                connection.sendall(part)
            assert free_on(door.site.drop) >= 16 * MIB
        reply = door.upload(sdist("small"))
        assert (reply.status, door.site.filenames("small")) == (200, ["small-1.0.tar.gz"]), reply
    until("nothing of them is left", lambda: free_on(door.site.drop) > 63 * MIB)


def test_who_finds_no_room_is_told_to_come_back(door: Door) -> None:
    """503 with Retry-After, as the daemon could not copy it; and the room is there again at once."""
    reply = door.upload(("demo-1.0.tar.gz", bytes(30 * MIB)))
    assert (reply.status, "retry-after" in reply.headers, b"disk" in reply.body) == (503, True, True)
    assert free_on(door.site.drop) > 63 * MIB
    assert door.upload(sdist()).status == 200

"""Many uploads at once, beside copies to the drop folder; and one that is large."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.archive_factory import sdist, wheel
from tests.running import PATIENT, until
from tests.uploaders.servers import running_sshd
from tests.webserver.door import multipart, open_door

MANY = 50


def test_fifty_uploads_beside_fifty_copies_each_are_published_once(tmp_path: Path) -> None:
    """By `cp`, as scp writes: under their own names from the first byte on. Ten of them come by both ways."""
    uploads = [wheel(f"project-{number % 7}", f"1.{number}") for number in range(MANY)]
    copies = [sdist(f"project-{number % 7}", f"1.{number}") for number in range(MANY - 10)] + uploads[:10]
    with open_door(tmp_path / "index", linger='"1s"') as door, ThreadPoolExecutor(MANY + 4) as pool:
        replies = [pool.submit(door.upload, file) for file in uploads]
        built = [door.site.build(file) for file in copies]
        copied = [pool.submit(subprocess.run, ["cp", path, door.site.drop], check=True) for path in built]
        assert [reply.result().status for reply in replies] == [200] * MANY
        assert [one.result().returncode for one in copied] == [0] * MANY
        until("the drop folder is empty", lambda: not [*door.site.drop.glob("*.whl"), *door.site.drop.glob("*.gz")])
        admitted = Counter(event["filename"] for event in door.site.events())
        assert admitted == dict.fromkeys({name for name, _ in [*uploads, *copies]}, 1)
        shown = [name for number in range(7) for name in door.site.filenames(f"project-{number}")]
        assert Counter(shown) == admitted


CLIENTS = {
    "twine": "{bin}/twine upload --non-interactive --disable-progress-bar -u x -p x --repository-url {url} {file}",
    "uv": "{bin}/uv publish --no-cache --publish-url {url} -u x -p x {file}",
    "curl": "curl -sS --fail-with-body -F :action=file_upload -F content=@{file} {url}",
}


@pytest.mark.long
@pytest.mark.parts
@pytest.mark.root
def test_fifty_uploads_of_real_clients_beside_scp_each_are_published_once(tmp_path: Path) -> None:
    """twine, uv and curl at once, and scp by a real sshd; some files come by two ways. All end well."""
    by_client = {name: [wheel(f"by-{name}", f"1.{number}") for number in range(17)] for name in CLIENTS}
    by_scp = [sdist("by-scp", f"1.{number}") for number in range(15)] + by_client["uv"][:5]
    (tmp_path / "ssh").mkdir()
    with open_door(tmp_path / "index") as door, running_sshd(tmp_path / "ssh") as sshd:
        commands = [sshd.scp_command(door.site.build(file), f"h:{door.site.drop}/") for file in by_scp]
        for name, files in by_client.items():
            filled = {"bin": Path(sys.executable).parent, "url": door.legacy}
            commands += [CLIENTS[name].format(file=door.site.build(file), **filled).split() for file in files]
        with ThreadPoolExecutor(len(commands)) as pool:
            done = list(pool.map(lambda words: subprocess.run(words, capture_output=True, check=False), commands))
        assert [(one.args, one.stdout, one.stderr) for one in done if one.returncode] == []
        sent = {name for files in (*by_client.values(), by_scp) for name, _ in files}
        until("all are published", lambda: len(door.site.events()) >= len(sent))
        assert Counter(event["filename"] for event in door.site.events()) == dict.fromkeys(sent, 1)
        assert {event["event"] for event in door.site.events()} == {"admitted"}
        until("the drop folder is empty", lambda: not [*door.site.drop.glob("*.whl"), *door.site.drop.glob("*.gz")])


def memory_of(pid: int) -> int:
    """The most that a process ever had in memory, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    assert match
    return int(match[1]) * 1024


@pytest.mark.long
def test_a_large_upload_takes_no_memory(tmp_path: Path) -> None:
    """Of a quarter of a GiB not an eighth; what is sent is no archive, and the answer says so."""
    block, blocks = bytes(range(256)) * 4096, 256
    body, kind = multipart([(":action", "file_upload")], ("demo-1.0.tar.gz", b"ARCHIVE"))
    before, after = body.split(b"ARCHIVE")
    with open_door(tmp_path / "index") as door:
        door.upload(sdist())
        parts, had = urlsplit(door.url), memory_of(door.server.pid)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENT)
        connection.putrequest("POST", "/legacy/")
        connection.putheader("Content-Type", kind)
        connection.putheader("Content-Length", str(len(before) + blocks * len(block) + len(after)))
        connection.endheaders(before)
        for _ in range(blocks):
            connection.send(block)
        connection.send(after)
        assert connection.getresponse().status == 400
        connection.close()
        assert memory_of(door.server.pid) - had < 32 << 20

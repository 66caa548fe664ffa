"""Uploads through the samples of Apache, nginx and Caddy, with their lines for uploads, to a real `eggwatch serve`."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.archive_factory import sdist
from tests.contrib import web_servers
from tests.http_asking import ask
from tests.webserver.door import fields_of, multipart, open_door

LARGE = 3 << 20
"""More than nginx accepts by default."""


def with_uploads(folder: Path, port: int) -> Path:
    """The samples after what they tell the administrator to do."""
    folder.mkdir()
    for path in web_servers.SAMPLES.iterdir():
        text = path.read_text()
        assert "#+" in text and "127.0.0.1:8080" in text
        kept = [line.replace("#+", "", 1) if line.lstrip().startswith("#+") else line for line in text.splitlines()]
        (folder / path.name).write_text("\n".join(kept).replace("127.0.0.1:8080", f"127.0.0.1:{port}") + "\n")
    return folder


@pytest.mark.parts
@pytest.mark.root
@pytest.mark.parametrize("kind", web_servers.SERVERS)
def test_uploads_reach_the_index_and_its_pages_are_served_as_files(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At / and at /legacy/, of more than the usual limits; a rejection comes with its reason."""
    with web_servers.folder_for(kind) as folder, open_door(folder / "site") as door:
        samples = with_uploads(folder / "samples", urlsplit(door.url).port or 0)
        monkeypatch.setattr(web_servers, "SAMPLES", samples)
        with web_servers.serving(kind, folder / "run", door.site.public) as url:
            for number, path in enumerate(("/", "/legacy/")):
                file = sdist("demo", f"{number}.0", files={"large.bin": os.urandom(LARGE)})
                body, content_type = multipart(fields_of(file), file)
                reply = ask(url, path, "POST", body, Content_Type=content_type)
                assert (reply.status, reply.body) == (200, f"{file[0]} is published.\n".encode())
                assert file[0].encode() in ask(url, "/simple/demo/").body
            body, content_type = multipart([(":action", "file_upload")], ("demo-3.0.tar.gz", b"x"))
            reply = ask(url, "/legacy/", "POST", body, Content_Type=content_type)
            assert (reply.status, b"demo-3.0.tar.gz was rejected" in reply.body) == (400, True)

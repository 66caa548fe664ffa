"""A small PUBLIC tree, laid out as docs/contract.rst says, written without the code that is under test."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tests.archive_factory import sdist, wheel

SECRET = b"not judged yet: never to be served"
FORMS = ("index.html", "index.v1_html", "index.v1_json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A tree with one project, `foo-bar`, that has one wheel and one sdist."""

    public: Path
    wheel: str
    sdist: str
    content: dict[str, bytes]

    def page(self, form: str, folder: str = "simple/foo-bar") -> bytes:
        """The bytes of one page as they lie on the disk."""
        return (self.public / folder / form).read_bytes()


def publish_sample(public: Path) -> Published:
    """Write the tree; `.eggwatch/` holds a secret under a name that the other folders have too."""
    built = dict([wheel("foo-bar", "1.0", files={"foo_bar.py": b"ANSWER = 42\n"}), sdist("foo-bar", "1.0")])
    wheel_name, sdist_name = built
    metadata = _metadata_of(built[wheel_name])
    folder = public / "files" / "foo-bar"
    folder.mkdir(parents=True)
    for name, data in {**built, f"{wheel_name}.metadata": metadata}.items():
        (folder / name).write_bytes(data)
    files = [_file(name, data, metadata if name == wheel_name else None) for name, data in built.items()]
    detail = {"meta": {"api-version": "1.4"}, "name": "foo-bar", "versions": ["1.0"], "files": files}
    write_page(public / "simple" / "foo-bar", _html(files), detail)
    root = {"meta": {"api-version": "1.4"}, "projects": [{"name": "foo-bar"}]}
    write_page(public / "simple", '<!DOCTYPE html>\n<a href="foo-bar/">foo-bar</a>\n', root)
    (public / "index.html").write_text("<!DOCTYPE html>\n<style>h1{color:#123}</style><h1>Packages</h1>\n")
    (public / "rules").mkdir()
    (public / "rules" / "index.html").write_text("<!DOCTYPE html>\n<h2 id=zip-crc>zip-crc</h2>\n")
    (public / "status.json").write_text('{"schema": 1}\n')
    (public / "pypi/foo-bar").mkdir(parents=True)
    (public / "pypi/foo-bar/json").write_text('{"info": {}}\n')
    (public / "robots.txt").write_text("User-agent: *\nDisallow: /files/\n")
    _let_everybody_read(public)
    _hide_a_secret(public)
    return Published(
        public=public, wheel=wheel_name, sdist=sdist_name, content={**built, f"{wheel_name}.metadata": metadata}
    )


def write_page(folder: Path, html: str, detail: object) -> None:
    """A page in its three forms, each with its compressed twin; every file replaced at once."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FORMS:
        data = (json.dumps(detail) if name.endswith("json") else html).encode()
        replace(folder / name, data)
        replace(folder / f"{name}.gz", gzip.compress(data, mtime=0))


def replace(path: Path, data: bytes) -> None:
    """What the publisher does: a new file under the old name."""
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(data)
    new.chmod(0o644)
    os.replace(new, path)


def _let_everybody_read(public: Path) -> None:
    """The modes that docs/contract.rst names, whatever the umask."""
    for path in (public, *public.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _hide_a_secret(public: Path) -> None:
    spool = public / ".eggwatch"
    spool.mkdir()
    for name in ("secret", "index.html", "index.v1_json"):
        (spool / name).write_bytes(SECRET)
        (spool / name).chmod(0o644)
    spool.chmod(0o700)


def _metadata_of(data: bytes) -> bytes:

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read("foo_bar-1.0.dist-info/METADATA")


def _file(name: str, data: bytes, metadata: bytes | None) -> dict[str, object]:
    entry: dict[str, object] = {
        "filename": name,
        "url": f"../../files/foo-bar/{name}",
        "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
        "size": len(data),
        "upload-time": "2026-01-02T03:04:05.000006Z",
    }
    if metadata is not None:
        entry["core-metadata"] = {"sha256": hashlib.sha256(metadata).hexdigest()}
    return entry


def _html(files: list[dict[str, object]]) -> str:
    links = "".join(
        f'<a href="{file["url"]}#sha256={file["hashes"]["sha256"]}">{file["filename"]}</a><br>\n'  # type: ignore[index]
        for file in files
    )
    return (
        '<!DOCTYPE html>\n<html><head><meta name="pypi:repository-version" content="1.4">'
        f"<title>foo-bar</title></head><body>\n{links}</body></html>\n"
    )

"""The least that an index builder or a drop folder's daemon can do: nothing is checked, remembered, or tried again.

    python benchmarks/yardsticks/ideal.py loop DROP OUT
    python benchmarks/yardsticks/ideal.py daemon DROP OUT [--sync]

Each archive is read once: its sha256, its metadata beside it, one page of HTML and one of JSON for its project. The
daemon does the same for each archive that is renamed into DROP, in the order of the kernel's events; with `--sync` the
metadata and both pages are synced before they get their names.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import re
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

from watchdog.observers.inotify_c import InotifyConstants, InotifyFD, Mask

REQUIRES = re.compile(rb"^Requires-Python: *(.+)$", re.MULTILINE)
Sync = Callable[[int], object]


def no_sync(_: int) -> None:
    """Leave it to the kernel when it is written to the disk."""


def metadata_of(name: str, data: bytes) -> bytes:
    """METADATA of a wheel, PKG-INFO of an sdist."""
    if name.endswith(".whl"):
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            return wheel.read(next(one for one in wheel.namelist() if one.endswith(".dist-info/METADATA")))
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as sdist:
        for member in sdist:
            if member.name.endswith("/PKG-INFO") and (file := sdist.extractfile(member)):
                return file.read()
    raise SystemExit(f"{name} has no metadata")


def put(path: Path, data: bytes, sync: Sync) -> None:
    """Replace a file."""
    temporary = f"{path}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(fd, data)
    sync(fd)
    os.close(fd)
    os.rename(temporary, path)


def describe(path: Path, out: Path, sync: Sync = no_sync) -> dict[str, object]:
    """Publish the metadata of one archive; answers with what pages say of it."""
    data = path.read_bytes()
    metadata = metadata_of(path.name, data)
    put(out / "files" / f"{path.name}.metadata", metadata, sync)
    python = REQUIRES.search(metadata)
    return {
        "filename": path.name,
        "url": f"../../files/{path.name}",
        "size": len(data),
        "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
        "core-metadata": {"sha256": hashlib.sha256(metadata).hexdigest()},
        "requires-python": python[1].decode() if python else None,
    }


def project_of(filename: str) -> str:
    """The normalised project of a filename."""
    return re.sub(r"[-_.]+", "-", filename.partition("-")[0]).lower()


def links(files: list[dict[str, object]]) -> Iterator[str]:
    """The lines of a project's page."""
    for file in files:
        hashes, core = file["hashes"], file["core-metadata"]
        assert isinstance(hashes, dict) and isinstance(core, dict)
        python = escape(str(file["requires-python"] or ""))
        yield (
            f'<a href="{file["url"]}#sha256={hashes["sha256"]}" data-requires-python="{python}" '
            f'data-core-metadata="sha256={core["sha256"]}">{file["filename"]}</a><br>\n'
        )


def show(project: str, files: list[dict[str, object]], out: Path, sync: Sync = no_sync) -> None:
    """Both pages of a project."""
    folder = out / "simple" / project
    folder.mkdir(exist_ok=True)
    put(folder / "index.html", f"<!DOCTYPE html><body>\n{''.join(links(files))}</body>\n".encode(), sync)
    page = {"meta": {"api-version": "1.1"}, "name": project, "files": files}
    put(folder / "index.v1_json", json.dumps(page).encode(), sync)


def show_root(projects: list[str], out: Path) -> None:
    """Both root pages."""
    rows = "".join(f'<a href="{project}/">{project}</a><br>\n' for project in projects)
    put(out / "simple/index.html", f"<!DOCTYPE html><body>\n{rows}</body>\n".encode(), no_sync)
    page = {"meta": {"api-version": "1.1"}, "projects": [{"name": project} for project in projects]}
    put(out / "simple/index.v1_json", json.dumps(page).encode(), no_sync)


def loop(drop: Path, out: Path) -> dict[str, list[dict[str, object]]]:
    """Publish all that lies there."""
    for folder in ("files", "simple"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    projects: dict[str, list[dict[str, object]]] = {}
    for name in sorted(os.listdir(drop)):
        if name.endswith((".whl", ".tar.gz")):
            projects.setdefault(project_of(name), []).append(describe(drop / name, out))
    for project, files in projects.items():
        show(project, files, out)
    show_root(sorted(projects), out)
    return projects


def daemon(drop: Path, out: Path, sync: Sync) -> None:
    """Publish what lies there, then what comes, until the process is ended."""
    mask = Mask(InotifyConstants.IN_MOVED_TO)
    inotify = InotifyFD()
    projects = loop(drop, out)

    class Publisher:
        def on_event(self, event: object) -> None:
            name = os.fsdecode(event.name)  # type: ignore[attr-defined]
            project = project_of(name)
            is_new = project not in projects
            files = projects.setdefault(project, [])
            files.append(describe(drop / name, out, sync))
            show(project, files, out, sync)
            if is_new:
                show_root(sorted(projects), out)

        def on_watch_deleted(self, wd: object) -> None:
            """The folder is gone."""

        def on_queue_overflow(self) -> None:
            """Nothing makes up for it."""

    inotify.add_callback(os.fsencode(drop), mask, Publisher(), "ideal")  # type: ignore[arg-type]
    inotify.start()
    print("ready", file=sys.stderr, flush=True)
    inotify.join()


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["loop", "daemon"])
    parser.add_argument("drop", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sync", action="store_true")
    arguments = parser.parse_args()
    if arguments.kind == "loop":
        loop(arguments.drop, arguments.out)
    else:
        daemon(arguments.drop, arguments.out, os.fsync if arguments.sync else no_sync)


if __name__ == "__main__":
    main()

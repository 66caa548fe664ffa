"""docs/replicas.rst: whoever reads a replica sees no page that lists what is not there, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.archive_factory import wheel
from tests.cli.program import Done, Site
from tests.contrib.web_servers import folder_for, free_port, serving
from tests.docs.blocks import block
from tests.http_asking import ask
from tests.http_serving import answering
from tests.installers import pip_install
from tests.running import until

pytestmark = [pytest.mark.parts, pytest.mark.root, pytest.mark.long]

PAGE = "replicas"
JSON = "application/vnd.pypi.simple.v1+json"
AROUND = """#!/bin/sh
curl -fsS {url}before || exit 99
{rsync} "$@"; status=$?
curl -fsS {url}after || exit 99
exit $status
"""
"""An rsync that tells the test before and after it works."""


@dataclass(kw_only=True)
class Replica:
    """The source's rsync daemon, and the script of the page that copies from it."""

    site: Site
    folder: Path
    public: Path = field(init=False)

    def __post_init__(self) -> None:
        self.public = self.folder / "replica"
        (self.folder / "bin").mkdir()
        self.public.mkdir()

    @contextmanager
    def source(self) -> Iterator[None]:
        """The source's rsync daemon, as on the page."""
        port = free_port()
        changes = {"/srv/eggwatch": str(self.site.public), "192.0.2.7": "127.0.0.1"}
        module = block(PAGE, "/etc/rsyncd.conf on files.example.com", changes)
        (self.folder / "rsyncd.conf").write_text(f"address = 127.0.0.1\nport = {port}\nuse chroot = no\n{module}")
        changes = {"files.example.com": f"127.0.0.1:{port}", "/srv/eggwatch": str(self.public)}
        script = block(PAGE, "/usr/local/bin/eggwatch-pull", changes)
        (self.folder / "pull").write_text(script)
        command = ["rsync", "--daemon", "--no-detach", "--config", self.folder / "rsyncd.conf"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            until("rsyncd listens", lambda: _listens(port))
            yield
        finally:
            process.terminate()
            process.wait()

    def pull(self) -> Done:
        """One run of the script."""
        environment = {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        done = subprocess.run(["sh", self.folder / "pull"], env=environment, capture_output=True, text=True)
        return Done(code=done.returncode, out=done.stdout, err=done.stderr)

    @contextmanager
    def interrupted(self, before: Callable[[], object], after: Callable[[], object]) -> Iterator[None]:
        """While the script runs: what happens before and after each of its steps."""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                {"/before": before, "/after": after}[self.path]()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        wrapper = self.folder / "bin" / "rsync"
        with answering(Handler) as url:
            wrapper.write_text(AROUND.format(url=url, rsync=shutil.which("rsync")))
            wrapper.chmod(0o755)
            try:
                yield
            finally:
                wrapper.unlink()


def _listens(port: int) -> bool:
    done = subprocess.run(["rsync", f"rsync://127.0.0.1:{port}/"], capture_output=True)
    return done.returncode == 0


@pytest.fixture
def replica() -> Iterator[Replica]:
    with folder_for("replica") as folder:
        replica = Replica(site=Site(folder / "site", grace='"10m"'), folder=folder)
        with replica.source():
            yield replica


def missing(url: str, public: Path) -> set[str]:
    """What the root page and the pages of all projects of a replica list that is not there, or has other bytes."""
    lost: set[str] = set()
    root = ask(url, "/simple/", Accept=JSON)
    listed = {project["name"] for project in json.loads(root.body)["projects"]} if root.status == 200 else set()
    for project in listed | {path.parent.name for path in public.glob("simple/*/index.v1_json")}:
        page = ask(url, f"/simple/{project}/", Accept=JSON)
        lost |= {project} if page.status != 200 else set()
        for file in json.loads(page.body)["files"] if page.status == 200 else ():
            for suffix, digest in (("", file["hashes"]), (".metadata", file["core-metadata"])):
                name = f"{file['url']}{suffix}".removeprefix("../..")
                lost |= {name} if sha256(ask(url, name).body).hexdigest() != digest["sha256"] else set()
    return lost


def publish(site: Site, version: int, *names: str) -> None:
    """New releases, and no others left in the drop folder."""
    for name in names:
        filename = site.put(wheel(name, f"{version}.0")).name
        until(f"{filename} is published", lambda name=name, filename=filename: filename in site.filenames(name))


def test_no_page_of_a_replica_lists_what_is_missing_while_the_source_publishes_and_removes(
    replica: Replica, tmp_path: Path
) -> None:
    """Before each step of two runs a project is new, another gets a release and loses one; all is read after it."""
    site, steps, lost = replica.site, [0], list[set[str]]()

    def before() -> None:
        steps[0] += 1
        publish(site, steps[0], f"new-{steps[0]}", "demo")
        if steps[0] in (6, 7):  # those of the second run that set the root page aside, and what it lists
            root = site.public / "simple/index.v1_json"
            until("the root lists it", lambda: f'"new-{steps[0]}"' in root.read_text())
        if steps[0] > 1:
            assert site.call("remove", f"demo=={steps[0] - 1}.0").code == 0

    with site.daemon(), serving("nginx", replica.folder / "run", replica.public) as url:
        with replica.interrupted(before, lambda: lost.append(missing(url, replica.public))):
            for _ in range(2):
                done = replica.pull()
                assert done.code == 0, done.err
        assert lost == [set()] * len(lost)
        assert len(lost) == 11, "the first run leaves out the last of six steps"
        pages = [path.stat().st_ctime_ns for path in replica.public.glob("simple/*/index.*")]
        assert max(pages) <= (replica.public / "simple/index.v1_json").stat().st_ctime_ns, "the root comes last"
        assert replica.pull().code == 0
        assert same_pages(site.public, replica.public)
        assert (pip_install(tmp_path / "home", f"{url}simple/", "demo") / "demo").is_dir()


def same_pages(one: Path, other: Path) -> bool:
    """Whether two trees have the same pages, with the same times, and no others."""
    trees = [
        {path.relative_to(tree): (path.read_bytes(), path.stat().st_mtime_ns) for path in tree.glob("simple/**/*.*")}
        for tree in (one, other)
    ]
    return bool(trees[0]) and trees[0] == trees[1]


def test_the_bytes_of_a_removed_file_leave_a_replica_only_if_its_last_run_is_not_long_ago(replica: Replica) -> None:
    site = replica.site
    site.settings["grace"] = '"0s"'
    site.write_config()
    copy = replica.public / "files/demo/demo-1.0-py3-none-any.whl"
    done = replica.public / ".incoming/.done"
    with site.daemon():
        publish(site, 1, "demo")
        assert replica.pull().code == 0 and copy.exists()
        assert site.call("remove", "demo==1.0").code == 0
        until("its bytes are gone", lambda: not (site.public / "files/demo" / copy.name).exists())
        minutes_ago = done.stat().st_mtime - 301
        os.utime(done, (minutes_ago, minutes_ago))
        assert replica.pull().code == 0 and copy.exists()
        assert replica.pull().code == 0 and not copy.exists()


def test_a_replica_keeps_what_it_has_if_the_disk_of_the_source_is_not_there(replica: Replica) -> None:
    site = replica.site
    with site.daemon():
        publish(site, 1, "demo")
    assert replica.pull().code == 0
    site.public.rename(site.base / "unmounted")
    site.public.mkdir()
    done = replica.pull()
    assert (done.code, "is its disk mounted" in done.err) == (1, True)
    assert same_pages(site.base / "unmounted", replica.public)
    assert (replica.public / "files/demo/demo-1.0-py3-none-any.whl").exists()

"""Laws 1, 5 and 8 after any history of uploads, orders and restarts (docs/design.rst, The laws)."""

from __future__ import annotations

import functools
import io
import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import eggwatch
from eggwatch.archives.inspecting import inspect
from eggwatch.model.events import timestamp
from eggwatch.model.names import Filename, parse_filename
from eggwatch.model.verdicts import Level
from tests.archive_factory import sdist, wheel
from tests.laws.at_work import (
    IndexAtWork,
    assert_equals_fresh_render,
    assert_unchanged_pages_untouched,
    pages_of,
    quick_folder,
    read_back,
    snapshot,
    unpacked,
)

SPECS = ("demo-pkg", "demo-pkg==1.0", "demo-pkg==2.0rc1", "other")
REASONS = (None, "breaks on <Windows> & \"Mac\"")  # fmt: skip


@functools.cache
def archive(version: str, form: str, content: int, name: str = "Demo.Pkg") -> bytes:
    """An archive's bytes; `content` 0 and 1 make different sound ones, 2 one whose header and directory disagree."""
    files = {"module.py": f"CONTENT = {content}\n".encode()}
    if form == "sdist":
        return sdist(name, version, files=files, requires_python=">=3.8,<4")[1]
    data = wheel(name, version, files=files, tags=form)[1]
    return data.replace(b"module.py", b"modulo.py", 1) if content == 2 else data


ANY, BOTH = "py3-none-any", "py2.py3-none-any"
UPLOADS = (
    ("demo_pkg-1.0-py3-none-any.whl", archive("1.0", ANY, 0)),
    ("Demo_Pkg-1.0-py3-none-any.whl", archive("1.0", ANY, 0)),
    ("demo.pkg-1.0-py3-none-any.whl", archive("1.0", ANY, 1)),
    ("demo_pkg-1.0-py3-none-any.whl", archive("1.0", ANY, 2)),
    ("demo_pkg-1.0-py2.py3-none-any.whl", archive("1.0", BOTH, 0)),
    ("demo_pkg-1.0-py3.py2-none-any.whl", archive("1.0", BOTH, 0)),
    ("demo_pkg-1.0.tar.gz", archive("1.0", "sdist", 0)),
    ("demo-pkg-1.0.tar.gz", archive("1.0", "sdist", 0)),
    ("Demo.Pkg-1.0.tar.gz", archive("1.0", "sdist", 1)),
    ("demo_pkg-2.0rc1.tar.gz", archive("2.0rc1", "sdist", 0)),
    ("demo_pkg-1.0+local.7-py3-none-any.whl", archive("1.0+local.7", ANY, 0)),
    ("other-1.0.tar.gz", archive("1.0", "sdist", 0, "other")),
)
"""(filename, bytes): the same bytes under several spellings, other bytes under the same name, a broken archive."""


@functools.cache
def is_sound(filename: str, data: bytes) -> bool:
    """Whether an archive by itself may be published."""
    flaws = inspect(io.BytesIO(data), filename).flaws
    return all(flaw.level is not Level.REFUSE for flaw in flaws)


@dataclass
class Expected:
    """What a filename must be like, whatever happened to it."""

    project: str
    data: bytes
    spelled: str
    first_seen: str
    present: bool = True
    yanked: str | None = None


@dataclass
class Model:
    """What the index should hold; much simpler than the index."""

    files: dict[str, Expected] = field(default_factory=dict)

    def upload(self, filename: str, data: bytes, at: str) -> None:
        """Take a file in, if it may come in."""
        parsed = parse_filename(filename)
        if not isinstance(parsed, Filename):
            return
        known = self.files.get(parsed.normalized)
        if known is None and is_sound(filename, data):
            self.files[parsed.normalized] = Expected(project=parsed.project, data=data, spelled=filename, first_seen=at)
        elif known is not None and not known.present and known.data == data and is_sound(filename, data):
            known.present, known.spelled, known.yanked = True, filename, None

    def matching(self, spec: str) -> list[Expected]:
        """The present files that a project or project==version names."""
        project, _, version = spec.partition("==")
        return [
            known
            for known in self.files.values()
            if known.present
            and known.project == project
            and version in ("", str(parse_filename(known.spelled).version))  # type: ignore[union-attr]
        ]


class Histories(RuleBasedStateMachine):
    """An index and its model, through whatever happens."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = quick_folder()
        self.work = IndexAtWork(self._folder.__enter__(), grace=100.0)
        self.model = Model()
        self._before = snapshot(self.work.config.public)

    @initialize()
    def begin(self) -> None:
        """Start with an empty index, whose pages exist."""
        self.work.open()
        self.work.work()

    def teardown(self) -> None:
        """Close, and leave nothing behind."""
        if self.work.index is not None:
            self.work.close()
        self._folder.__exit__(None, None, None)

    @rule(number=st.integers(0, len(UPLOADS) - 1), folder=st.sampled_from(["", "team/"]))
    def upload(self, number: int, folder: str) -> None:
        """Somebody uploads something, perhaps under an old spelling, perhaps again, perhaps broken."""
        self.work.now += 1.5
        filename, data = UPLOADS[number]
        self.model.upload(filename, data, timestamp(self.work.now))
        self.work.upload(folder + filename, data)
        assert self.work.lying() == []

    @rule(spec=st.sampled_from(SPECS), reason=st.sampled_from(REASONS))
    def yank(self, spec: str, reason: str | None) -> None:
        """Somebody yanks a project or a version; without a reason, one that was given before stays."""
        for known in self._order("yank", spec, reason):
            known.yanked = reason or known.yanked or ""

    @rule(spec=st.sampled_from(SPECS))
    def unyank(self, spec: str) -> None:
        """Somebody takes it back."""
        for known in self._order("unyank", spec, None):
            known.yanked = None

    @rule(spec=st.sampled_from(SPECS))
    def remove(self, spec: str) -> None:
        """Somebody removes a project or a version."""
        for known in self._order("remove", spec, "gone"):
            known.present = False

    def _order(self, verb: str, spec: str, reason: str | None) -> list[Expected]:
        self.work.now += 1.5
        matched = self.model.matching(spec)
        answer = self.work.order(verb, spec, reason)
        assert answer["matched"] == len(matched)
        return matched

    @rule(passed=st.sampled_from((0.0, 50.0, 200.0)), lost=st.booleans())
    def restart(self, passed: float, lost: bool) -> None:
        """The index is closed and opened again, perhaps after the grace period, perhaps without its catalog."""
        self.work.close()
        if lost:
            (self.work.config.state / "catalog.sqlite3").unlink()
        self.work.now += passed
        self.work.open()
        self.work.work()

    @invariant()
    def tree_is_a_fresh_render(self) -> None:
        """Law 1."""
        if self.work.index is None:
            return
        assert_equals_fresh_render(self.work.config)
        after = snapshot(self.work.config.public)
        assert_unchanged_pages_untouched(self._before, after)
        self._before = after

    @invariant()
    def pages_show_what_was_uploaded(self) -> None:
        """Law 5, with the pages read by somebody else's parser and the hashes computed from the bytes."""
        if self.work.index is None:
            return
        for project in {known.project for known in self.model.files.values()}:
            page = self.work.page(project)
            seen = {file["filename"]: _told(file) for file in page["files"]}
            wanted = [known for known in self.model.files.values() if known.project == project]
            assert seen == {known.spelled: _wanted(known) for known in wanted if known.present}
            assert {file["filename"] for file in page["_removed"]} == {
                known.spelled for known in wanted if not known.present
            }
            read_back(self.work.config.public, project)
        for known in self.model.files.values():
            path = self.work.config.public / "files" / known.project / known.spelled
            if known.present:
                assert path.read_bytes() == known.data


def _told(file: dict[str, Any]) -> tuple[int, str, object]:
    return file["size"], file["upload-time"], file["yanked"]


def _wanted(known: Expected) -> tuple[int, str, object]:
    return len(known.data), known.first_seen, False if known.yanked is None else (known.yanked or True)


def test_any_history_keeps_the_laws() -> None:
    """Whatever happens to an index, its tree equals a fresh render, and no filename ever changes its bytes or time."""
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=25,
            stateful_step_count=12,
            deadline=None,
            derandomize=bool(os.environ.get("CI")),
            suppress_health_check=list(HealthCheck),
        ),
    )


def lived_through(base: Path) -> IndexAtWork:
    """An index that has seen one of everything: names, spellings, yanks, removals, a refusal, a return."""
    work = IndexAtWork(base, url="https://packages.example.com/", contact="packages@example.com")
    with work:
        for number, (filename, data) in enumerate(UPLOADS):
            work.now += 1.25 + number / 7
            work.upload(filename, data)
        work.order("yank", "demo-pkg==1.0", 'breaks on <Windows> & "Mac"')
        work.order("remove", "demo-pkg==2.0rc1", "gone")
        work.order("remove", "other")
        work.now += 1000
        work.upload("other-1.0.tar.gz", archive("1.0", "sdist", 0, "other"))
    return work


def other_pythons() -> list[Path]:
    """A Python 3.12 and later each, as far as the machine has them."""
    found: dict[str, Path] = {}
    for folder in [*Path.home().glob(".pyenv/versions/*/bin"), Path("/usr/bin"), Path("/usr/local/bin")]:
        for minor in (11, 12, 13, 14):
            path = folder / f"python3.{minor}"
            if path.is_file() and minor != sys.version_info.minor:
                found.setdefault(path.name, path)
    return list(found.values())


ENVIRONMENTS = (
    {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8"},
    {"PYTHONHASHSEED": "4242", "TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "PYTHONUTF8": "0"},
)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> IndexAtWork:
    """One index with a history, for all renders."""
    return lived_through(tmp_path_factory.mktemp("lived"))


def rendered(
    work: IndexAtWork, target: Path, python: str, environment: dict[str, str], more: str = ""
) -> dict[str, bytes]:
    """What `eggwatch render` makes of an index, in an environment; pages unpacked."""
    config = target.with_suffix(".toml")
    folders = "".join(f'{key} = "{getattr(work.config, key)}"\n' for key in ("drop", "public", "state"))
    config.write_text(f'[index.main]\n{folders}url = "{work.config.url}"\ncontact = "{work.config.contact}"\n{more}')
    path = os.pathsep.join([str(Path(eggwatch.__file__).parent.parent), sysconfig.get_paths()["purelib"]])
    done = subprocess.run(
        [python, "-m", "eggwatch", "--config", str(config), "render", str(target)],
        env={"PATH": os.defpath, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return unpacked(pages_of(target))


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: environment["LC_ALL"])
def test_a_ledger_gives_the_same_pages_in_every_environment(
    lived: IndexAtWork, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Law 8: neither hash seed nor time zone nor locale nor clock changes a page."""
    pages = rendered(lived, tmp_path / "rendered", sys.executable, environment)
    assert pages == unpacked(pages_of(lived.config.public))


def test_a_ledger_gives_the_same_pages_with_every_python(lived: IndexAtWork, tmp_path: Path) -> None:
    """Law 8: no other Python changes a page; compressed twins are compared unpacked, since zlibs differ.

    The process that renders READMEs finds no modules of another Python, so it renders the simple index alone.
    """
    here = rendered(lived, tmp_path / "rendered", sys.executable, {"LC_ALL": "C.UTF-8"})
    assert here == unpacked(pages_of(lived.config.public))
    simple = {path: data for path, data in here.items() if path.startswith("simple/")}
    for number, python in enumerate(other_pythons()):
        there = rendered(lived, tmp_path / f"rendered-{number}", str(python), {"LC_ALL": "C.UTF-8"}, 'site = "off"')
        assert {path: data for path, data in there.items() if path.startswith("simple/")} == simple, python


def test_a_history_without_surprises_reads_back(lived: IndexAtWork) -> None:
    """Another program reads the pages: versions, yanks, hashes and requires-python are those of the history."""
    page = read_back(lived.config.public, "demo-pkg")
    assert page.versions == ["1.0", "1.0+local.7"]
    assert [(package.filename, package.yanked_reason) for package in page.packages] == [
        ("demo_pkg-1.0-py2.py3-none-any.whl", 'breaks on <Windows> & "Mac"'),
        ("demo_pkg-1.0-py3-none-any.whl", 'breaks on <Windows> & "Mac"'),
        ("demo_pkg-1.0.tar.gz", 'breaks on <Windows> & "Mac"'),
        ("demo_pkg-1.0+local.7-py3-none-any.whl", None),
    ]
    assert {package.requires_python for package in page.packages} == {None, ">=3.8,<4"}


def test_returning_bytes_keep_their_first_upload_time(lived: IndexAtWork) -> None:
    """Law 5: what was removed and comes back with the same bytes has the time at which it came first."""
    admitted = [event for event in lived.events() if event["filename"] == "other-1.0.tar.gz"]
    assert [event["event"] for event in admitted] == ["admitted", "removed", "admitted"]
    assert lived.files("other")["other-1.0.tar.gz"]["upload-time"] == admitted[0]["at"] != admitted[2]["at"]


def test_bytes_that_return_under_another_spelling_leave_none_behind(tmp_path: Path) -> None:
    """A removed file that returns spelled otherwise lies there once: the old bytes go after the grace."""
    one, other = "demo_pkg-1.0-py2.py3-none-any.whl", "demo_pkg-1.0-py3.py2-none-any.whl"
    with IndexAtWork(tmp_path, grace=100.0) as work:
        work.upload(one, archive("1.0", BOTH, 0))
        work.order("remove", "demo-pkg")
        work.upload(other, archive("1.0", BOTH, 0))
        assert_equals_fresh_render(work.config)
        work.now += 101
        work.work()
        names = sorted(path.name for path in (work.config.public / "files/demo-pkg").iterdir())
        assert names == [other, f"{other}.metadata"]
        assert_equals_fresh_render(work.config)


def test_bytes_of_a_removed_file_go_even_if_the_catalog_is_lost_meanwhile(tmp_path: Path) -> None:
    """After the grace nothing is left of a removed file, however many pages are still to be rendered just then."""
    with IndexAtWork(tmp_path, grace=100.0) as work:
        for number in range(70):
            work.put(*sdist(f"aaa{number}"))
        work.put(*sdist("zzz"))
        work.work()
        work.order("remove", "zzz", "contained a password")
    work.now += 101
    (work.config.state / "catalog.sqlite3").unlink()
    with work:
        work.work()
        assert not (work.config.public / "files/zzz/zzz-1.0.tar.gz").exists()


def test_each_spelling_gets_its_receipt(tmp_path: Path) -> None:
    """The same bytes under two spellings at once: one is published, the other is told that it is known."""
    name, data = wheel("hard", "1.0")
    names = (name, name.replace("hard", "Hard"))
    with IndexAtWork(tmp_path) as work:
        for each in names:
            work.put(each, data)
        work.work()
        receipts = {each: (work.config.drop / "receipts" / f"{each}.txt").read_text() for each in names}
    assert len(work.events()) == 1 and work.lying() == []
    assert sorted("PUBLISHED, unchanged" in receipt for receipt in receipts.values()) == [False, True], receipts

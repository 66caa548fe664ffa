"""An archive that took its inspector over: code runs inside it, after the walls are on, and reaches nothing."""

from __future__ import annotations

import errno
import json
import os
import platform
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eggwatch.inspection import worker
from eggwatch.inspection.inspectors import Inspectors
from eggwatch.inspection.worker import Job, Result
from eggwatch.linux import sandbox
from tests.hostile.building import build, twin
from tests.hostile.metadatas import METADATA
from tests.hostile.sdists import SDISTS
from tests.hostile.wheels import WHEELS

FIERCE = ("seize the parent", "signal 0 to all")
"""What is not tried where it would come through."""
SHUT = (errno.EPERM, errno.EACCES)
CODE_FOLDER = os.path.dirname(os.__file__)

TAKEN_OVER = """
import ctypes, errno, gc, json, os, select, signal, socket
from eggwatch.inspection import inspector
from eggwatch.linux import sandbox
{more}
libc = ctypes.CDLL(None, use_errno=True)
parent, here = os.getppid(), os.uname().machine == "x86_64"

def call(number, *arguments):
    result = libc.syscall(number if isinstance(number, int) else number[not here], *arguments)
    return 0 if result >= 0 else ctypes.get_errno()

def tried(action):
    try:
        result = action()
    except OSError as error:
        return error.errno
    return result if isinstance(result, int) and result in errno.errorcode else 0

def connected(family, kind, address):
    with socket.socket(family, kind) as there:
        there.connect(address)

def child():
    pid = os.fork()
    os._exit(0) if pid == 0 else os.waitpid(pid, 0)

def answer(request, file, inspect, checks):
    told = json.loads(file.read())
    port, secret = told["port"], told["secret"]
    box = ctypes.create_string_buffer(256)  # io_uring_setup(2) writes 120 bytes
    probes = {{
        "open /etc/passwd": lambda: os.close(os.open("/etc/passwd", os.O_RDONLY)),
        "open a private file": lambda: os.close(os.open(secret, os.O_RDONLY)),
        "open it by the way of a code folder": lambda: os.close(os.open(
            told["code"] + "/" + os.path.relpath("/", told["code"]) + secret, os.O_RDONLY)),
        "open a file beside eggwatch": lambda: os.close(os.open(sys.path[0] + "/pyproject.toml", os.O_RDONLY)),
        "list a folder": lambda: os.close(os.open(os.path.dirname(secret), os.O_RDONLY | os.O_DIRECTORY)),
        "openat2": lambda: call(437, -100, b"/etc/passwd", (ctypes.c_uint64 * 3)(), 24),
        "write to a file": lambda: os.close(os.open(secret, os.O_WRONLY)),
        "write to code": lambda: os.close(os.open(told["code"] + "/os.py", os.O_RDWR)),
        "make a file": lambda: os.close(os.open(secret + ".new", os.O_WRONLY | os.O_CREAT)),
        "memory of others": lambda: os.close(os.open(f"/proc/{{parent}}/mem", os.O_RDONLY)),
        "truncate": lambda: os.truncate(secret + ".a", 3),
        "rename": lambda: os.rename(secret + ".a", secret + ".b"),
        "unlink": lambda: os.unlink(secret + ".a"),
        "mkdir": lambda: os.mkdir(secret + ".folder"),
        "symlink": lambda: os.symlink("/", secret + ".link"),
        "chmod": lambda: os.chmod(secret, 0o777),
        "tcp": lambda: connected(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)),
        "udp": lambda: connected(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", port)),
        "tcp over IPv6": lambda: socket.socket(socket.AF_INET6).close(),
        "a local socket": lambda: connected(socket.AF_UNIX, socket.SOCK_STREAM, "\\0" + told["abstract"]),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
        "socketpair": lambda: [one.close() for one in socket.socketpair()],
        "bind": lambda: socket.socket().bind(("127.0.0.1", 0)),
        "io_uring": lambda: call(425, 1, box),
        "exec": lambda: os.execv("/nowhere/at/all", ["x"]),
        "fork": child,
        "clone3": lambda: call(435, None, 0),
        "signal 0 to the parent": lambda: os.kill(parent, 0),
        "signal 0 to all": lambda: os.kill(-1, 0),
        "pidfd of the parent": lambda: os.close(os.pidfd_open(parent)),
        "limits of the parent": lambda: call((302, 261), parent, 7, None, box),
        "seize the parent": lambda: call((101, 117), 0x4206, parent, None, None),
        "signals by fcntl": lambda: call((72, 25), 0, 8, parent),
        "keys": lambda: call((250, 219), 0, -3, 1),
        "mount": lambda: call((165, 40), b"x", b"/nowhere/at/all", b"x", 0, None),
        "unshare": lambda: call((272, 97), 0x10000000),
        "chroot": lambda: os.chroot("/nowhere/at/all"),
        "another uid": lambda: os.setresuid(1234, 1234, 1234),
        "write on standard error": lambda: os.write(2, b""),
        "write on standard output": lambda: os.write(1, b""),
        "duplicate over a descriptor": lambda: os.close(os.dup2(2, 1)),
    }}
    found = {{name: tried(action) for name, action in probes.items() if name not in told["without"]}}
    code = tried(lambda: os.close(os.open(told["code"] + "/os.py", os.O_RDONLY)))
    return json.dumps({{"trouble": json.dumps([found, code == 0])}}).encode()

inspector.answer = answer
inspector.serve(niceness=int(sys.argv[1]), readme=bool(sys.argv[2]))
"""


def take_over(monkeypatch: pytest.MonkeyPatch, more: str = "") -> None:
    """Let inspectors run the code above instead of inspecting."""
    monkeypatch.setattr(worker, "CODE", TAKEN_OVER.format(more=more))


def results(inspectors: Inspectors, *jobs: Job) -> dict[int, Result]:
    """The results of jobs, by their numbers."""
    for job in jobs:
        inspectors.submit(job)
    found: dict[int, Result] = {}
    deadline = time.monotonic() + 200
    while len(found) < len(jobs) and time.monotonic() < deadline:
        found |= {result.number: result for result in inspectors.poll(1.0)}
    return found


def probed(folder: Path, *, readme: bool, without: tuple[str, ...] = ()) -> tuple[dict[str, int], bool, list[str]]:
    """What the taken-over inspector reached (an errno for each probe), if it can read code, and what is said open."""
    secret = folder / "ledger.jsonl"
    secret.write_text("truth")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        abstract = f"eggwatch-test-{os.getpid()}"
        local.bind(f"\0{abstract}")
        local.listen()
        told: dict[str, Any] = {"port": server.getsockname()[1], "secret": str(secret), "abstract": abstract}
        told |= {"code": CODE_FOLDER, "without": without}
        (folder / "archive").write_text(json.dumps(told))
        with Inspectors(fast=1, readme=readme) as inspectors:
            job = Job(number=1, path=folder / "archive", filename="demo-1.0.tar.gz", size=1 << 20, readme=readme)
            trouble = results(inspectors, job)[1].trouble
            left_open = inspectors.left_open()
    assert trouble is not None
    found, reads_code = json.loads(trouble)
    assert secret.read_text() == "truth"
    return found, reads_code, left_open


needs_both_walls = pytest.mark.skipif(platform.machine() not in sandbox._MACHINES, reason="no filter for this machine")


@needs_both_walls
@pytest.mark.parametrize("readme", [False, True], ids=["alone", "that renders READMEs"])
def test_a_taken_over_inspector_reaches_no_file_no_network_and_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readme: bool
) -> None:
    """Whatever it tries is forbidden, and nothing is left open; only a renderer may go on reading Python's code."""
    take_over(monkeypatch)
    found, reads_code, left_open = probed(tmp_path, readme=readme)
    assert {name: number for name, number in found.items() if number not in SHUT} == {}
    assert (reads_code, left_open) == (readme, [])


def test_an_inspector_is_nobody_and_has_no_capability_in_any_set(tmp_path: Path) -> None:
    """Under root it becomes another account, unless it goes on loading code; and it can gain nothing by execve."""
    for readme in (False, True):
        with Inspectors(fast=1, readme=readme) as inspectors:
            inspectors.warm_up()
            while inspectors.sockets():
                inspectors.poll(0.1)
            (worker,) = inspectors._workers()
            text = Path(f"/proc/{worker.pid}/status").read_text()
            status = dict(line.split(":\t", 1) for line in text.splitlines())
            sets = {name: status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")}
            assert set(sets.values()) == {"0" * 16}
            assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
            own = os.geteuid()
            assert status["Uid"].split() == [str(65534 if own == 0 and not readme else own)] * 4
            if own == 0:
                assert status["CapBnd"] == "0" * 16


def test_without_the_walls_it_reaches_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: the same code meets hardly a closed door where the walls are not put on."""
    take_over(monkeypatch, "sandbox.enclose = lambda **_: []")
    found, _, _ = probed(tmp_path, readme=True, without=FIERCE)
    shut = {name for name, number in found.items() if number in SHUT}
    expected = set() if os.geteuid() == 0 else {"mount", "chroot", "another uid", "memory of others", "unshare"}
    assert shut <= expected | {"fork", "clone3"}


@pytest.mark.parametrize(
    ("wall", "readme", "left", "closed"),
    [
        ("_landlock = lambda readable: False", False, [], {"open /etc/passwd", "tcp", "udp", "exec", "fork"}),
        ("_landlock = lambda readable: False", True, ["reading files"], {"write to a file", "tcp", "udp", "exec"}),
        ("_seccomp = lambda *, loads_code: False", False, ["the network"], {"open /etc/passwd", "tcp", "make a file"}),
    ],
)
def test_one_wall_alone_closes_what_it_can_and_says_what_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wall: str, readme: bool, left: list[str], closed: set[str]
) -> None:
    """A kernel without landlock, or another machine than x86_64 and aarch64: the inspection goes on, and it is told."""
    take_over(monkeypatch, f"sandbox.{wall}")
    found, _, left_open = probed(tmp_path, readme=readme, without=FIERCE)
    assert left_open == left
    assert {name for name in closed if found[name] not in SHUT} == set()


def test_a_kernel_that_offers_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither wall: files and network are named."""
    take_over(monkeypatch, "sandbox._landlock = lambda readable: False; sandbox._seccomp = lambda *, loads_code: False")
    _, _, left_open = probed(tmp_path, readme=False, without=FIERCE)
    assert left_open == ["files and the network"]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Every hostile archive and its sound twin, each in a folder of its own."""
    folder, paths = tmp_path_factory.mktemp("archives"), []
    for number, description in enumerate((*WHEELS, *SDISTS, *METADATA)):
        for name, data in (build(description), build(twin(description))):
            path = folder / f"{number}-{len(paths)}"
            path.write_bytes(data)
            (folder / f"{path.name}.name").write_text(name, "utf-8", "surrogateescape")
            paths.append(path)
    yield paths


@pytest.mark.parametrize("readme", [False, pytest.param(True, marks=pytest.mark.long)], ids=["alone", "with READMEs"])
def test_what_is_inspected_in_the_sandbox_is_judged_as_outside(archives: list[Path], readme: bool) -> None:
    """Every hostile archive and its twin: the same flaws, the same metadata, and no trouble."""
    from eggwatch.archives.inspecting import inspect
    from eggwatch.archives.metadata.readme import readme_flaws

    jobs, expected = [], {}
    for number, path in enumerate(archives):
        name = path.with_name(f"{path.name}.name").read_text("utf-8", "surrogateescape")
        jobs.append(Job(number=number, path=path, filename=name, size=path.stat().st_size, readme=readme))
        with path.open("rb") as file:
            expected[number] = inspect(file, name, extra_checks=(readme_flaws,) if readme else ())
    with Inspectors(fast=1, readme=readme) as inspectors:
        found = results(inspectors, *jobs)
    assert {number: result.trouble for number, result in found.items() if result.trouble} == {}
    for number, result in found.items():
        assert result.inspection is not None
        told = [(flaw.code, flaw.subject[:900], flaw.level) for flaw in result.inspection.flaws]
        assert told == [(flaw.code, flaw.subject[:900], flaw.level) for flaw in expected[number].flaws][:64]
        assert result.inspection.metadata == expected[number].metadata

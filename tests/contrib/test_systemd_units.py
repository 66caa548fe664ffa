"""The units of contrib/systemd: systemd takes each line of them, and finds them shut in."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from eggwatch.config.index_config import IndexConfig
from eggwatch.config.uploads import UploadDoor
from eggwatch.setup.drop_ins import Service
from tests.contrib.booting import CLONE

UNITS = CLONE / "contrib" / "systemd"
pytestmark = pytest.mark.parts


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """systemd-analyze, which needs no systemd to be running."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, over a program that is there."""
    for unit in [*UNITS.glob("*.service"), *UNITS.glob("*.timer"), *UNITS.glob("*.socket")]:
        text = unit.read_text().replace("/opt/eggwatch/bin/eggwatch", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    return tmp_path


def test_systemd_knows_every_line_of_the_units(units: Path) -> None:
    """Its exit status is 0 also for a key that it doesn't know; then it says so."""
    done = analyze("verify", *sorted(units.iterdir()))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (units / "eggwatch.service").write_text((units / "eggwatch.service").read_text().replace("UMask", "UMaks"))
    assert "UMaks" in analyze("verify", units / "eggwatch.service").stderr


@pytest.mark.parametrize(
    ("unit", "exposure"),
    [
        ("eggwatch.service", 1.5),
        ("eggwatch@.service", 1.5),
        ("eggwatch-verify.service", 1.0),
        ("eggwatch-backup.service", 1.0),
        ("eggwatch-news.service", 1.5),
        ("eggwatch-news@.service", 1.5),
        ("eggwatch-http.service", 1.0),
    ],
)
def test_little_is_exposed(unit: str, exposure: float, units: Path) -> None:
    done = analyze("security", "--offline=true", "--no-pager", f"--threshold={exposure * 10:.0f}", units / unit)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["eggwatch", "eggwatch-news"])
def test_one_of_several_is_like_the_only_one(name: str) -> None:
    """But for its name: what is changed in one unit is changed in the other."""
    one, several = ((UNITS / f"{unit}.service").read_text().split("\n\n", 1)[1] for unit in (name, f"{name}@"))
    several = (
        several.replace("-%i", "").replace("/%i.toml", "/eggwatch.toml").replace("the drop folder %i", "a drop folder")
    )
    assert several.replace("eggwatch@%i.service", "eggwatch.service").replace("news of %i", "news") == one


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("eggwatch", "CAP_LEASE CAP_DAC_READ_SEARCH CAP_FOWNER PrivateUsers AF_UNIX capset setrlimit"),
        ("eggwatch-news", "PrivateUsers AF_UNIX AF_INET AF_INET6 PrivateNetwork IPAddressDeny"),
        ("eggwatch-verify", "PrivateUsers AF_UNIX"),
        ("eggwatch-backup", "PrivateUsers AF_UNIX"),
        ("eggwatch-http", "PrivateUsers AF_UNIX IPAddressDeny"),
    ],
)
def test_every_relaxed_line_has_its_reason(name: str, words: str) -> None:
    """What systemd-analyze marks as open to the program is named in a comment of the unit."""
    text = (UNITS / f"{name}.service").read_text()
    comments = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    assert [word for word in words.split() if word not in comments] == []


def test_only_the_daemon_has_capabilities_and_only_the_news_a_network() -> None:
    texts = {path.stem.rstrip("@"): path.read_text() for path in UNITS.glob("*.service")}
    without = {name for name, text in texts.items() if "\nCapabilityBoundingSet=\n" in text}
    closed = {name for name, text in texts.items() if "\nPrivateNetwork=yes\n" in text}
    assert (set(texts) - without, set(texts) - closed) == ({"eggwatch"}, {"eggwatch-news"})


def test_what_setup_adds_for_folders_and_account_systemd_takes_and_finds_shut_in(units: Path) -> None:
    """A folder in a home, another account: nothing that opens more than the unit itself."""
    folders = {"drop": Path("/home/our share/drop"), "public": Path("/data/100%"), "state": Path("/data/state")}
    index = IndexConfig(name="main", **folders, uploads=UploadDoor(account="eggwatch-http"))
    service = Service(file=Path("/etc/eggwatch/eggwatch.toml"), indexes=(index,), account="daemon", group="daemon")
    drop_ins = service.drop_ins()
    assert "eggwatch-http.service" in drop_ins
    for unit, text in drop_ins.items():
        (units / f"{unit}.d").mkdir()
        (units / f"{unit}.d" / "folders.conf").write_text(text)
        done = analyze("verify", units / unit)
        assert (done.returncode, done.stderr) == (0, ""), unit
        assert analyze("security", "--offline=true", "--no-pager", "--threshold=15", units / unit).returncode == 0, unit


@pytest.mark.root
def test_the_http_server_s_account_may_enter_the_drop_folder_and_owns_one_folder_in_it(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (etc / "group").write_text("root:x:0:\npackages:x:991:\n")
    for program, sample in (("sysusers", "sysusers-http.conf"), ("tmpfiles --create", "tmpfiles-http.conf")):
        command = [*f"systemd-{program}".split(), f"--root={tmp_path}", str(UNITS / sample)]
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed")
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr.count("\n") < 3) == (0, True), done.stderr
    assert "packages:x:991:eggwatch-http" in _lines(etc / "group")
    (account,) = [line.split(":") for line in _lines(etc / "passwd") if line.startswith("eggwatch-http:")]
    status = (tmp_path / "srv" / "drop" / "http").stat()
    assert (status.st_mode & 0o7777, str(status.st_uid), account[6]) == (0o755, account[2], "/usr/sbin/nologin")


@pytest.mark.parametrize(
    ("program", "sample"), [("systemd-sysusers", "sysusers.conf"), ("systemd-tmpfiles", "tmpfiles.conf")]
)
@pytest.mark.root
def test_account_and_folders_are_made_as_the_samples_say(program: str, sample: str, tmp_path: Path) -> None:
    """In a machine that has nothing yet."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "passwd").write_text(
        "root:x:0:0::/root:/bin/sh\n" + "eggwatch:x:990:990::/:/bin/false\n" * (sample[0] == "t")
    )
    (etc / "group").write_text("root:x:0:\n" + "packages:x:991:\neggwatch:x:990:\n" * (sample[0] == "t"))
    command = [program, f"--root={tmp_path}", *(["--create"] if sample[0] == "t" else []), str(UNITS / sample)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    if sample == "sysusers.conf":
        assert "eggwatch:x:" in (etc / "passwd").read_text()
        assert any(line.startswith("packages:") and line.endswith(":eggwatch") for line in _lines(etc / "group"))
    else:
        status = (tmp_path / "srv" / "drop").stat()
        assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o3770, 0, 991)
        assert (tmp_path / "srv" / "eggwatch").stat().st_uid == 990


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()

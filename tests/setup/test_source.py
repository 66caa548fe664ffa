"""What is installed: checkouts, wheels, and what `--from` means."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from eggwatch import __version__
from eggwatch.errors import ConfigurationError
from eggwatch.setup.find_source import Finder, checkout_in, newest_wheel
from eggwatch.setup.machine import Machine
from eggwatch.setup.paths import MANUAL, Places
from eggwatch.setup.source import Checkout, Installed, Wheels
from tests.contrib.wheelhouse import CLONE
from tests.setup.machines import PYTHON, ToldMachine

HTTPD = CLONE / "contrib/httpd"
UNIT = "contrib/systemd/eggwatch.service"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A working copy that may be changed."""
    unneeded = (".*", "__pycache__", "tests", "benchmarks", "docs", "*.egg-info", "build", "dist")
    patterns = shutil.ignore_patterns(*unneeded)

    def ignored(folder: str, names: list[str]) -> set[str]:
        left = {"drop", "public", "state"} if Path(folder) == CLONE else set()  # by contrib/try.sh, in a clone
        return patterns(folder, names) | left

    return Path(shutil.copytree(CLONE, tmp_path / "checkout", ignore=ignored))


def wheel_in(folder: Path, version: str, *, name: str = "eggwatch", unit: bytes = b"[Unit]\n") -> Path:
    """Enough of a wheel to be looked at."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}-{version}.data/data/share/eggwatch/systemd/eggwatch.service", unit)
    return path


def finder(tmp_path: Path) -> Finder:
    return Finder(Places(root=tmp_path), ToldMachine(), PYTHON, tmp_path / "scratch")


def test_a_checkout_tells_its_version_and_its_units() -> None:
    source = Checkout(folder=CLONE)
    assert source.version == __version__
    assert source.shipped()["eggwatch.service"] == (CLONE / UNIT).read_bytes()


def test_a_fingerprint_changes_with_code_and_units_and_with_nothing_else(checkout: Path) -> None:
    source = Checkout(folder=checkout)
    first = source.fingerprint
    (checkout / "drop").mkdir()
    (checkout / "eggwatch/__pycache__").mkdir(exist_ok=True)
    (checkout / "eggwatch/__pycache__/config.pyc").touch()
    assert source.fingerprint == first
    (checkout / UNIT).write_text("[Unit]\n")
    second = source.fingerprint
    (checkout / "eggwatch/errors.py").write_text("")
    assert len({first, second, source.fingerprint}) == 3


def test_a_folder_of_wheels_means_its_highest_version_and_all_beside_it(tmp_path: Path) -> None:
    for version in ("1.9", "1.10"):
        wheel_in(tmp_path, version, unit=version.encode())
    source = newest_wheel(tmp_path)
    assert (source.version, source.shipped()) == ("1.10", {"eggwatch.service": b"1.10"})
    before = source.fingerprint
    wheel_in(tmp_path, "1.8")
    assert source.fingerprint == before, "an older one is not installed"
    wheel_in(tmp_path, "8.1", name="click")
    assert source.fingerprint != before


def test_from_takes_a_checkout_a_wheel_and_a_folder_of_wheels(tmp_path: Path, checkout: Path) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheel = wheel_in(folder, "1.0")
    named = finder(tmp_path).named
    assert named(str(checkout)) == Checkout(folder=checkout)
    assert named(str(folder)) == Wheels(wheel=wheel, folder=folder)
    assert named(str(wheel)) == Wheels(wheel=wheel)


@pytest.mark.parametrize("text", ["./nothing-here", "/etc/passwd", "/usr", "no requirement at all", "flask"])
def test_from_says_what_it_takes(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        finder(tmp_path).named(text)
    assert "a folder of wheels" in error.value.remedy


def test_a_requirement_is_fetched_by_pip_for_the_python_that_will_run_it(tmp_path: Path) -> None:
    scratch, machine = tmp_path / "scratch", ToldMachine()
    scratch.mkdir()
    wheel = wheel_in(scratch, "2.0")
    found = Finder(Places(root=tmp_path), machine, PYTHON, scratch).named("eggwatch>=2")
    assert found == Wheels(wheel=wheel, folder=scratch)
    assert " --python /usr/bin/python3 download " in machine.ran[0]


def test_where_nothing_is_said_the_running_checkout_is_meant(tmp_path: Path) -> None:
    assert finder(tmp_path).unnamed() == Checkout(folder=CLONE)


def test_the_installed_program_means_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(root=tmp_path)
    home = places.versions / "1.0-abcdef12"
    home.mkdir(parents=True)
    places.current.symlink_to("versions/1.0-abcdef12")
    monkeypatch.setattr("sys.prefix", str(home))
    assert finder(tmp_path).unnamed() == Installed(home=home)


def test_no_checkout_is_a_folder_that_lacks_the_units(checkout: Path) -> None:
    (checkout / UNIT).unlink()
    assert checkout_in(checkout) is None


@pytest.mark.long
@pytest.mark.parts
def test_building_from_a_checkout_leaves_nothing_in_it_and_ships_the_units(checkout: Path, tmp_path: Path) -> None:
    """The build runs as root, in a checkout of another account."""
    before = sorted(checkout.rglob("*"))
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    Checkout(folder=checkout).install(venv / "bin/python", Machine())
    assert sorted(checkout.rglob("*")) == before
    assert Installed(home=venv).shipped() == Checkout(folder=checkout).shipped()
    assert {path.name for path in (venv / "share/eggwatch/httpd").iterdir() if path.is_file()} == {
        "apache.conf",
        "apache-wsgi.conf",
        "caddy.Caddyfile",
        "eggwatch.wsgi",
        "gunicorn.conf.py",
        "nginx.conf",
    }
    done = subprocess.run([str(venv / "bin/eggwatch"), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"eggwatch, version {__version__}\n"
    assert (venv / MANUAL).read_bytes() == (CLONE / "contrib/man/eggwatch.1").read_bytes()
    assert os.access(venv / "bin/eggwatch", os.X_OK)

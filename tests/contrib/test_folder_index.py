"""The folder of an old index, as older systems had it: `eggwatch index`, a web server, and installers of all times."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.archive_factory import sdist, wheel, zip_of
from tests.cli.program import Site
from tests.cli.stocks import add
from tests.contrib.web_servers import SERVERS, folder_for, serving_by
from tests.installers import pip, pip_install, uv_install
from tests.once import mostly_long

pytestmark = [pytest.mark.parts, pytest.mark.root]

EGG_INFO = b"Metadata-Version: 1.0\nName: MyTG.App\nVersion: 0.3\n"
EGG = zip_of(
    {
        "EGG-INFO/PKG-INFO": EGG_INFO,
        "EGG-INFO/top_level.txt": b"mytgapp\n",
        "EGG-INFO/zip-safe": b"\n",
        "mytgapp.py": b"ANSWER = 42\n",
    }
)
EASY_INSTALL = """
import sys
from setuptools import setup
arguments = ["-q", "easy_install", "--multi-version", "--install-dir", sys.argv[1], "--index-url", sys.argv[2]]
setup(packages=[], py_modules=[], script_name="easy_install", script_args=[*arguments, "MyTG.App"])
"""


def has_easy_install() -> bool:
    """Whether this Python's setuptools is one that still installs eggs itself, as those before 80 do."""
    if find_spec("setuptools") is None:
        return False
    import setuptools

    return int(setuptools.__version__.partition(".")[0]) < 80


def plain_apache(folder: Path, public: Path, port: int, _: Path) -> list[str]:
    """Nothing but a folder published by httpd: none of our sample."""
    modules = ["mpm_event", "authz_core", "alias", "dir", "mime"]
    loads = "".join(f"Include /etc/apache2/mods-available/{name}.load\n" for name in modules)
    (folder / "main.conf").write_text(
        f"ServerRoot {folder}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {folder}/pid\n"
        f"ErrorLog {folder}/error.log\nMutex file:{folder} default\nUser www-data\nGroup www-data\n"
        f"{loads}TypesConfig /etc/mime.types\nDirectoryIndex index.html\nDocumentRoot {public}\n"
        f"<Directory {public}>\nRequire all granted\n</Directory>\n"
    )
    return ["apache2", "-d", str(folder), "-f", str(folder / "main.conf"), "-DFOREGROUND"]


@pytest.mark.parametrize("kind", mostly_long(("plain", "nginx", "caddy"), of=3))
def test_an_old_index_is_served_to_installers_of_all_times(kind: str, tmp_path: Path) -> None:
    """By Apache without our sample, by nginx and Caddy with it.

    pip and uv by the simple API, pip by --find-links, and easy_install, which gets its egg.
    """
    with folder_for(kind) as folder:
        public = folder / "public"
        add(public, wheel("demo", "1.0"))
        add(public, sdist("demo", "0.9"), below="old")
        add(public, (f"MyTG.App-0.3-py{sys.version_info[0]}.{sys.version_info[1]}.egg", EGG))
        done = Site(public, bare=True).call("index", "--easy-install")
        assert done.code == 0, done.out
        with serving_by(SERVERS.get(kind, plain_apache), folder / "run", public) as url:
            assert (pip_install(tmp_path / "pip", f"{url}simple/", "demo==1.0") / "demo").is_dir()
            assert (uv_install(tmp_path / "uv", f"{url}simple/", "demo") / "demo").is_dir()
            links = ("--no-index", "--no-deps", "--find-links", f"{url}links.html")
            found = pip(tmp_path / "links", "download", *links, "demo")
            assert found.returncode == 0, found.stderr
            if has_easy_install():
                easy_install(tmp_path / "eggs", f"{url}index/")


def easy_install(target: Path, url: str) -> None:
    """Install the egg with setuptools' own easy_install."""
    target.mkdir()
    command = [sys.executable, "-W", "ignore", "-c", EASY_INSTALL, str(target), url]
    done = subprocess.run(command, cwd=target.parent, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert [path.suffix for path in target.iterdir()] == [".egg"]

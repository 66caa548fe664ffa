"""The samples for gunicorn and mod_wsgi, with the real servers: uploads under an account of their own."""

from __future__ import annotations

import base64
import importlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from passlib.hash import bcrypt

from tests.archive_factory import sdist
from tests.cli.program import Site, clean_environment
from tests.contrib import web_servers
from tests.http_asking import Reply, ask
from tests.running import Daemon
from tests.webserver.door import fields_of, multipart

pytestmark = [pytest.mark.parts, pytest.mark.root, pytest.mark.long]

ACCOUNT = "www-data"
PYTHON = "/usr/bin/python3"
LIBRARIES = (
    "eggwatch", "click", "gunicorn", "jinja2", "markupsafe", "packaging", "pkginfo", "trove_classifiers", "waitress",
    "watchdog", "werkzeug",
)  # fmt: skip
MODULES = Path("/etc/apache2/mods-available")
APACHE_MODULES = ("wsgi", "auth_basic", "authn_core", "authn_file", "authz_user")
CONFIGURATION = "/etc/eggwatch/eggwatch.toml"


def post(url: str, file: tuple[str, bytes], user: str, password: str, **headers: str) -> Reply:
    """One upload as clients send it."""
    body, content_type = multipart(fields_of(file), file)
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    return ask(url, "/legacy/", "POST", body, Content_Type=content_type, Authorization=f"Basic {login}", **headers)


def site_of(folder: Path, settings: str) -> Site:
    """An index whose uploads another account receives, and its folder, as `setup` makes it."""
    site = Site(folder / "site", uploads=f'{{ account = "{ACCOUNT}", {settings} }}')
    (site.drop / "http").mkdir()
    shutil.chown(site.drop / "http", ACCOUNT, ACCOUNT)
    return site


def filled(name: str, to: Path, changes: Mapping[str, str]) -> Path:
    """A sample after what it tells the administrator to do."""
    text = (web_servers.SAMPLES / name).read_text().replace("eggwatch-http", ACCOUNT)
    for shipped, ours in changes.items():
        assert shipped in text
        text = text.replace(shipped, ours)
    to.write_text(text)
    return to


def token_of(site: Site) -> str:
    """A token of the user ci."""
    return str(site.run("token", "create", "--user", "ci", "--json").row["token"])


def uploaders(site: Site) -> list[str]:
    """Of all events."""
    return [str(row["uploader"]) for row in site.run("history", "--json").rows]


def works(url: str, site: Site, user: str, password: str) -> None:
    """Uploads with each kind of verdict, two of the same file at once, and pages."""
    file = sdist("demo")
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: post(url, file, user, password), range(4)))
    assert [reply.status for reply in replies] == [200] * 4
    assert post(url, sdist("demo", files={"other.py": b""}), user, password).reason.startswith("File already exists")
    refused = post(url, ("demo-3.0.tar.gz", b"x"), user, password)
    assert (refused.status, b"demo-3.0.tar.gz was rejected" in refused.body) == (400, True)
    assert post(url, sdist("more"), user, "wrong").status == 401
    assert file[0].encode() in ask(url, "/simple/demo/").body
    assert b"twine upload" in ask(url, "/legacy/").body
    assert list((site.drop / "http").rglob("*.tar.gz")) == []


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """An environment as `setup` makes it: by the distribution's Python, where every account can read it."""
    version = subprocess.run(
        [PYTHON, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, check=True
    )
    if tuple(map(int, version.stdout.split())) < (3, 11):
        pytest.skip("the distribution's Python is older than 3.11")
    with web_servers.folder_for("wsgi") as folder:
        home = folder / "home"
        subprocess.run([PYTHON, "-m", "venv", "--without-pip", home], check=True)
        (packages,) = home.glob("lib/python*/site-packages")
        for name in LIBRARIES:
            source = Path(importlib.import_module(name).__file__ or "").parent
            shutil.copytree(source, packages / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(web_servers.SAMPLES, home / "share/eggwatch/httpd")
        yield home


@pytest.fixture
def folder() -> Iterator[Path]:
    with web_servers.folder_for("wsgi") as folder:
        yield folder


def test_gunicorn_receives_uploads_in_several_processes(home: Path, folder: Path) -> None:
    """Who has logged in is the uploader, and no header says otherwise."""
    site, port = site_of(folder, "remote-user = true"), web_servers.free_port()
    token, url = token_of(site), f"http://127.0.0.1:{port}/"
    changes = {CONFIGURATION: str(site.config), "127.0.0.1:8080": f"127.0.0.1:{port}"}
    settings = filled("gunicorn.conf.py", folder / "gunicorn.conf.py", changes)
    command = [home / "bin/python", "-m", "gunicorn", "-c", settings]
    with site.daemon():
        server = Daemon(command, cwd="/", env=clean_environment({})).launch()
        try:
            server.wait_for(r"Booting worker(.|\n)*Booting worker")
            works(url, site, "__token__", token)
            assert post(url, sdist("by-header"), "", "", Remote_User="alice").status == 401
        finally:
            server.stop()
        assert set(uploaders(site)) == {"ci"}


@contextmanager
def apache_with_wsgi(home: Path, folder: Path, site: Site, *, checks: bool) -> Iterator[str]:
    """Debian's Apache with both samples, the pages as files; its URL. If it `checks` passwords, by those lines."""
    if not (MODULES / "wsgi.load").exists():
        pytest.skip("mod_wsgi is not installed")
    script = home / "share/eggwatch/httpd/eggwatch.wsgi"
    script.write_text((web_servers.SAMPLES / script.name).read_text().replace(CONFIGURATION, str(site.config)))
    wsgi = filled("apache-wsgi.conf", folder / "wsgi.conf", {"/opt/eggwatch/current": str(home)})
    text = wsgi.read_text().replace("/etc/eggwatch/htpasswd", str(folder / "htpasswd"))
    wsgi.write_text(text.replace("#+", "") if checks else text)
    (folder / "samples").mkdir()
    loads = "".join(f"Include {MODULES}/{name}.load\n" for name in APACHE_MODULES)
    shipped = (web_servers.SAMPLES / "apache.conf").read_text()
    within = shipped.replace("    #+ProxyTimeout 120\n", f"    #+ProxyTimeout 120\n    Include {wsgi}\n")
    assert within != shipped
    (folder / "samples/apache.conf").write_text(loads + within)
    with site.daemon(), web_servers.serving("apache", folder / "run", site.public, folder / "samples") as url:
        yield url


def test_apache_receives_uploads_by_mod_wsgi_and_serves_pages_as_files(home: Path, folder: Path) -> None:
    """eggwatch checks tokens itself; REMOTE_USER as a header is nobody's word."""
    site = site_of(folder, "remote-user = true")
    token = token_of(site)
    with apache_with_wsgi(home, folder, site, checks=False) as url:
        works(url, site, "__token__", token)
        assert post(url, sdist("by-header"), "", "", Remote_User="alice").status == 401
        assert ask(url, "/simple/demo/").headers["server"].startswith("Apache")
        assert set(uploaders(site)) == {"ci"}


def test_apache_may_check_the_passwords_itself(home: Path, folder: Path) -> None:
    """Whom it has logged in is the uploader; eggwatch needs no file of passwords, and no library for them."""
    site = site_of(folder, "remote-user = true")
    (folder / "htpasswd").write_text(f"alice:{bcrypt.using(rounds=4).hash('secret')}\n")
    with apache_with_wsgi(home, folder, site, checks=True) as url:
        works(url, site, "alice", "secret")
        assert set(uploaders(site)) == {"alice"}

"""The sample configurations, as shipped, in real web servers, asked over sockets and by real installers."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.http_asking import ask, raw
from tests.installers import pip_install, uv_install
from tests.published_tree import SECRET, Published, publish_sample, replace

SAMPLES = Path(__file__).parents[2] / "contrib" / "httpd"
V1_JSON = "application/vnd.pypi.simple.v1+json"
V1_HTML = "application/vnd.pypi.simple.v1+html"
PAGE = "/simple/foo-bar/"
PIP = f"{V1_JSON}, {V1_HTML}; q=0.1, text/html; q=0.01"

pytestmark = [pytest.mark.parts, pytest.mark.root]


@dataclass(frozen=True, kw_only=True)
class Site:
    """A running web server over a published tree."""

    kind: str
    url: str
    published: Published
    folder: Path


def sample(name: str, public: Path, listen: dict[str, str]) -> str:
    """The sample as it is shipped, with the placeholders replaced that it tells the administrator to replace."""
    text = (SAMPLES / name).read_text()
    for shipped, ours in {**listen, "/srv/eggwatch": str(public)}.items():
        assert shipped in text
        text = text.replace(shipped, ours)
    return text


def apache(folder: Path, public: Path, port: int) -> list[str]:
    """Debian's own modules and their settings, deflate and negotiation among them, around the sample."""
    site = sample("apache.conf", public, {"<VirtualHost *:80>": f"<VirtualHost 127.0.0.1:{port}>"})
    (folder / "site.conf").write_text(site)
    modules = "mpm_event authz_core authz_host alias dir env headers mime rewrite setenvif filter deflate negotiation"
    loads = "\n".join(f"Include /etc/apache2/mods-available/{name}.load" for name in modules.split())
    settings = "\n".join(
        f"Include /etc/apache2/mods-available/{name}.conf" for name in ("mime", "deflate", "negotiation", "dir")
    )
    # What other sites of the machine may have set for all of it.
    elsewhere = "AddEncoding x-gzip .gz .tgz\nAddHandler type-map .whl\n"
    (folder / "main.conf").write_text(
        f"ServerRoot {folder}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {folder}/pid\n"
        f"ErrorLog {folder}/error.log\nMutex file:{folder} default\nUser www-data\nGroup www-data\n"
        f'LogFormat "%h %r %>s" combined\n{loads}\n{settings}\n{elsewhere}Include {folder}/site.conf\n'
    )
    return ["apache2", "-d", str(folder), "-f", str(folder / "main.conf"), "-DFOREGROUND"]


def nginx(folder: Path, public: Path, port: int) -> list[str]:
    """An http { } block as Debian's, around the sample."""
    (folder / "site.conf").write_text(sample("nginx.conf", public, {"listen 80;": f"listen 127.0.0.1:{port};"}))
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{name}_temp_path {folder}/{name};\n" for name in names)
    (folder / "main.conf").write_text(
        f"user www-data;\nworker_processes 1;\ndaemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        f"events {{ }}\nhttp {{\n{places}include /etc/nginx/mime.types;\ngzip on;\n"
        f"access_log {folder}/eggwatch.log;\ninclude {folder}/site.conf;\n}}\n"
    )
    return ["nginx", "-p", str(folder), "-e", f"{folder}/error.log", "-c", str(folder / "main.conf")]


def caddy(folder: Path, public: Path, port: int) -> list[str]:
    """A Caddyfile that imports the sample and keeps Caddy off other ports."""
    address = {"http://pypi.example.com {": f"http://127.0.0.1:{port} {{"}
    (folder / "site.caddy").write_text(sample("caddy.Caddyfile", public, address))
    (folder / "Caddyfile").write_text(
        f"{{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n}}\nimport {folder}/site.caddy\n"
    )
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


SERVERS: dict[str, Callable[[Path, Path, int], list[str]]] = {"apache": apache, "nginx": nginx, "caddy": caddy}


@pytest.fixture(scope="module", params=sorted(SERVERS))
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    kind = str(request.param)
    with _folder_for(kind) as folder:
        published = publish_sample(folder / "public")
        (published.public / ".eggwatch").chmod(0o755)  # worse than in life: only the configuration protects it
        port = _free_port()
        command = SERVERS[kind](folder / "run", published.public, port)
        program = shutil.which(command[0], path="/usr/sbin:/usr/bin:/usr/local/bin")
        if program is None:
            pytest.skip(f"{command[0]} is not installed")
        with _running([program, *command[1:]], folder / "run", port):
            yield Site(kind=kind, url=f"http://127.0.0.1:{port}/", published=published, folder=folder / "run")


@contextmanager
def _folder_for(kind: str) -> Iterator[Path]:
    """Servers run as www-data, which cannot come through pytest's own folders: those are 0700."""
    with tempfile.TemporaryDirectory(prefix=f"eggwatch-{kind}-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "run").mkdir()
        shutil.chown(folder / "run", "www-data", "www-data")
        yield folder


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    environment = {**os.environ, "APACHE_LOG_DIR": str(folder), "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        _wait_until_it_listens(process, folder, port)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
    deadline = time.monotonic() + 15
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    logs = [path.read_text(errors="replace") for path in (folder / "output", folder / "error.log") if path.exists()]
    raise AssertionError("the server did not start:\n" + "\n".join(logs))


@pytest.mark.parametrize(
    ("accept", "form", "content_type"),
    [
        (None, "index.html", "text/html; charset=utf-8"),
        ("*/*", "index.html", "text/html; charset=utf-8"),
        ("image/png", "index.html", "text/html; charset=utf-8"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "index.html", "text/html; charset=utf-8"),
        (PIP, "index.v1_json", V1_JSON),
        (f"{V1_JSON}, */*;q=0.1", "index.v1_json", V1_JSON),
        ("application/vnd.pypi.simple.latest+json", "index.v1_json", V1_JSON),
        (V1_HTML, "index.v1_html", V1_HTML),
        ("application/vnd.pypi.simple.latest+html", "index.v1_html", V1_HTML),
    ],
)
@pytest.mark.parametrize("folder", ["simple", "simple/foo-bar"])
@pytest.mark.parametrize("encoding", ["identity", "gzip, deflate", "gzip;q=0"])
def test_a_page_comes_in_the_form_and_encoding_that_was_asked_for(
    site: Site, accept: str | None, form: str, content_type: str, folder: str, encoding: str
) -> None:
    headers = {"Accept_Encoding": encoding, **({"Accept": accept} if accept else {})}
    reply = ask(site.url, f"/{folder}/", "GET", None, **headers)
    is_packed = encoding == "gzip, deflate"
    assert reply.status == 200
    assert reply.headers.get("content-encoding") == ("gzip" if is_packed else None)
    body = gzip.decompress(reply.body) if is_packed else reply.body
    assert body == site.published.page(form, folder)
    assert reply.headers["content-type"].lower() == content_type
    varying = {name.strip().lower() for name in reply.headers["vary"].split(",")}
    assert {"accept", "accept-encoding"} <= varying
    assert reply.headers["cache-control"] == "max-age=0, must-revalidate"
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("accept", ["text/html", PIP])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_an_unchanged_page_costs_a_304_until_it_is_replaced(site: Site, accept: str, encoding: str) -> None:
    first = ask(site.url, PAGE, Accept=accept, Accept_Encoding=encoding)
    tag = first.headers["etag"]
    again = ask(site.url, PAGE, Accept=accept, Accept_Encoding=encoding, If_None_Match=tag)
    assert (again.status, again.body) == (304, b"")
    form = "index.v1_json" if accept == PIP else "index.html"
    page = site.published.public / "simple/foo-bar" / (f"{form}.gz" if encoding == "gzip" else form)
    later = page.stat().st_mtime_ns + 10**9  # what CONTRACT promises: a page's times are a second apart
    replace(page, page.read_bytes())
    os.utime(page, ns=(later, later))
    changed = ask(site.url, PAGE, Accept=accept, Accept_Encoding=encoding, If_None_Match=tag)
    assert (changed.status, changed.body) == (200, first.body)


def test_forms_of_other_bytes_have_other_tags(site: Site) -> None:
    tags = [
        ask(site.url, PAGE, Accept=accept, Accept_Encoding=encoding).headers["etag"]
        for accept in ("text/html", PIP)
        for encoding in ("gzip", "identity")
    ]
    assert len(set(tags)) == 4


def test_files_are_kept_for_good_and_sent_as_they_are(site: Site) -> None:
    for name, content in site.published.content.items():
        reply = ask(site.url, f"/files/foo-bar/{name}", Accept_Encoding="gzip, deflate")
        assert (reply.status, reply.body) == (200, content)
        expected = "text/plain; charset=utf-8" if name.endswith(".metadata") else "application/octet-stream"
        assert reply.headers["content-type"].lower() == expected
        assert reply.headers["cache-control"] == "max-age=31536000, immutable"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "content-encoding" not in reply.headers


def test_a_file_can_be_read_in_pieces(site: Site) -> None:
    path, content = f"/files/foo-bar/{site.published.wheel}", site.published.content[site.published.wheel]
    head = ask(site.url, path, "HEAD")
    assert (head.headers["accept-ranges"], int(head.headers["content-length"])) == ("bytes", len(content))
    for asked, part in (("0-9", content[:10]), ("-7", content[-7:])):
        reply = ask(site.url, path, Range=f"bytes={asked}")
        assert (reply.status, reply.body) == (206, part)
    assert ask(site.url, path, Range="bytes=999999-").status == 416


def test_a_missing_slash_is_redirected(site: Site) -> None:
    for path in ("/simple", "/simple/foo-bar"):
        reply = ask(site.url, path, Accept=PIP)
        assert reply.status in (301, 308)
        location = reply.headers["location"]
        if site.kind == "apache":  # always tells scheme and host, as ServerName has them
            location = location.removeprefix(site.url.rstrip("/"))
        assert location == f"{path}/"


def test_what_is_missing_is_a_404_that_no_cache_keeps(site: Site) -> None:
    for path in ("/simple/nothing/", "/files/foo-bar/none-1.0.tar.gz", "/files/foo-bar/x.whl.metadata", "/nothing"):
        reply = ask(site.url, path, Accept=PIP)
        assert reply.status == 404
        assert "immutable" not in reply.headers.get("cache-control", "")


def test_no_folder_is_listed(site: Site) -> None:
    for path in ("/files/", "/files/foo-bar/"):
        reply = ask(site.url, path)
        assert reply.status in (403, 404)
        assert site.published.wheel.encode() not in reply.body


@pytest.mark.parametrize(
    "path",
    [
        "/.eggwatch/secret",
        "/.eggwatch/",
        "/.eggwatch",
        "/%2eeggwatch/secret",
        "//.eggwatch/secret",
        "/simple/../.eggwatch/secret",
        "/simple/%2e%2e/.eggwatch/secret",
        "/simple/..%2f.eggwatch%2fsecret",
        "/files/foo-bar/../../.eggwatch/secret",
        "/.git/config",
    ],
)
@pytest.mark.parametrize("accept", ["*/*", PIP])
def test_dot_folders_do_not_exist_for_the_world(site: Site, path: str, accept: str) -> None:
    (site.published.public / ".git").mkdir(exist_ok=True)
    (site.published.public / ".git/config").write_bytes(SECRET)
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    answer = raw(site.url, request.encode())
    assert SECRET not in answer
    assert answer.split(b" ")[1] in (b"404", b"400", b"403", b"301", b"308"), answer


@pytest.mark.parametrize("site", ["apache", "nginx"], indirect=True)  # the sample for Caddy asks for no access log
def test_requests_for_dot_folders_fill_no_access_log(site: Site) -> None:
    log = site.folder / "eggwatch.log"
    ask(site.url, "/.eggwatch/secret")
    ask(site.url, "/robots.txt?last")
    deadline = time.monotonic() + 5
    while "robots.txt?last" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "robots.txt?last" in log.read_text()
    assert ".eggwatch" not in log.read_text()


@pytest.mark.parametrize("site", ["apache", "nginx"], indirect=True)  # Caddy has no such setting
def test_a_link_to_a_file_of_somebody_else_is_not_followed(site: Site) -> None:
    foreign = site.folder.parent / "foreign"
    foreign.write_bytes(SECRET)
    shutil.chown(foreign, "nobody")
    (site.published.public / "passwords").symlink_to(foreign)
    assert SECRET not in ask(site.url, "/passwords").body


def test_the_landing_page_and_other_files_are_served(site: Site) -> None:
    landing = ask(site.url, "/")
    assert landing.body == (site.published.public / "index.html").read_bytes()
    assert landing.headers["content-type"].lower() == "text/html; charset=utf-8"
    assert landing.headers["cache-control"] == "max-age=0, must-revalidate"
    assert "style-src 'unsafe-inline'" in landing.headers["content-security-policy"]
    assert ask(site.url, "/status.json").headers["content-type"].startswith("application/json")
    assert ask(site.url, "/robots.txt").status == 200


def test_pip_installs_from_it(site: Site, tmp_path: Path) -> None:
    target = pip_install(tmp_path / "home", f"{site.url}simple/", "foo-bar==1.0")
    assert (target / "foo_bar.py").read_text() == "ANSWER = 42\n"


def test_uv_installs_from_it(site: Site, tmp_path: Path) -> None:
    target = uv_install(tmp_path / "home", f"{site.url}simple/", "foo-bar==1.0")
    assert (target / "foo_bar.py").read_text() == "ANSWER = 42\n"

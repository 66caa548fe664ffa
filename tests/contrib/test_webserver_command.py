"""`eggwatch webserver`: what it prints, in real web servers that an account without rights has started."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.archive_factory import sdist, wheel
from tests.cli.program import Site
from tests.contrib.test_uploads_behind_httpd import several, upload
from tests.contrib.web_servers import SERVERS, folder_for, free_port, running_alone
from tests.http_asking import Reply, ask
from tests.installers import clean_environment, pip_install, uv, uv_install
from tests.webserver.door import ANONYMOUS, serving, url_of

JSON = "application/vnd.pypi.simple.v1+json"
KINDS = sorted(SERVERS)

pytestmark = [pytest.mark.parts, pytest.mark.root, pytest.mark.long]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(kind: str) -> Iterator[Path]:
    with folder_for(kind) as folder:
        yield folder


def published(folder: Path, name: str = "foo-bar", **settings: str) -> Site:
    """An index with one wheel."""
    site = Site(folder, **settings)
    site.put(wheel(name, files={f"{name.replace('-', '_')}.py": b"ANSWER = 42\n"}))
    assert site.run("run", "--once").code == 0
    return site


@contextmanager
def served(kind: str, site: Site, *options: str, door: str = "8080") -> Iterator[str]:
    """A web server with what the command prints for a site, complete; its URL without the last slash."""
    port = free_port()
    done = site.call("webserver", kind, "--standalone", "--listen", str(port), *options)
    assert (done.code, done.err) == (0, "")
    shutil.chown(site.base / f"eggwatch-{kind}", "nobody")
    (site.base / "httpd.conf").write_text(done.out.replace("127.0.0.1:8080", f"127.0.0.1:{door}"))
    with running_alone(kind, site.base / "httpd.conf", port):
        yield f"http://127.0.0.1:{port}"


def followed(url: str, path: str) -> Reply:
    """The answer at the end of redirects within the server."""
    for _ in range(9):
        reply = ask(url, path, Accept=JSON)
        if reply.status not in (301, 308):
            break
        path = urlsplit(reply.headers["location"]).path
    return reply


def test_a_whole_configuration_serves_pip_and_uv_without_root(kind: str, folder: Path, tmp_path: Path) -> None:
    """Pages in each form, compressed; archives; the pages for people with their style; no dot-folder."""
    site = published(folder / "my site")
    with served(kind, site) as url:
        page = ask(url, "/simple/foo-bar/", Accept=JSON, Accept_Encoding="gzip")
        assert (page.headers["content-type"], page.headers["content-encoding"]) == (JSON, "gzip")
        assert ask(url, "/simple/foo-bar/").headers["content-type"].lower() == "text/html; charset=utf-8"
        style = next((site.public / "static").glob("*.css")).name
        assert ask(url, f"/static/{style}").headers["content-type"].startswith("text/css")
        assert ask(url, "/status.json").headers["content-type"].startswith("application/json")
        assert ask(url, "/.eggwatch").status == 404
        assert ask(url, "/simple/not-here/").status == 404
        pip_install(tmp_path / "pip", f"{url}/simple/", "foo-bar")
        uv_install(tmp_path / "uv", f"{url}/simple/", "foo-bar")


def test_an_index_is_served_at_the_path_of_its_url(kind: str, folder: Path, tmp_path: Path) -> None:
    """With redirects within it, and without anything at the root."""
    site = published(folder / "site", url='"http://localhost/some.where/packages/"')
    (site.public / "pypi/foo-bar").mkdir(parents=True, exist_ok=True)
    (site.public / "pypi/foo-bar/json").write_text("{}")
    with served(kind, site) as url:
        at = "/some.where/packages"
        for path in (f"{at}/simple/foo-bar", f"{at}/simple/Foo_Bar", f"{at}/simple/FOO.bar/", f"{at}/simple/foo-bar/"):
            assert followed(url, path).headers["content-type"] == JSON
        assert followed(url, at).body == (site.public / "index.html").read_bytes()
        assert ask(url, f"{at}/.eggwatch").status == 404
        assert ask(url, f"{at}/pypi/foo-bar/json").headers["content-type"] == "application/json"
        assert ask(url, "/simple/foo-bar/").status in (403, 404)
        file = f"{at}/files/foo-bar/foo_bar-1.0-py3-none-any.whl"
        assert ask(url, file).headers["cache-control"] == "max-age=31536000, immutable"
        assert ask(url, f"{file}.metadata").headers["content-type"].lower() == "text/plain; charset=utf-8"
        pip_install(tmp_path / "pip", f"{url}{at}/simple/", "foo-bar")
        uv_install(tmp_path / "uv", f"{url}{at}/simple/", "foo-bar")


def test_several_indexes_are_served_by_their_names_with_their_uploads(kind: str, folder: Path) -> None:
    """At /NAME/ and /NAME/legacy/, as 'eggwatch serve' has them."""
    site = several(folder / "site")
    with site.daemon(), serving(site) as server, served(kind, site, door=str(urlsplit(url_of(server)).port)) as url:
        for name in ("main", "team"):
            for number, path in enumerate((f"/{name}/", f"/{name}/legacy/")):
                file = sdist(f"for-{name}", f"{number}.0")
                reply = upload(url, path, file)
                assert (reply.status, reply.body) == (200, f"{file[0]} is published.\n".encode())
                assert file[0].encode() in followed(url, f"/{name}/simple/For_{name}").body
            assert b"twine upload" in ask(url, f"/{name}/legacy/").body
        assert ask(url, "/main/simple/for-team/").status == 404


def test_an_index_at_a_path_takes_uploads_there(kind: str, folder: Path) -> None:
    site = Site(folder / "site", uploads=ANONYMOUS, url='"http://localhost/packages/"')
    with site.daemon(), serving(site) as server, served(kind, site, door=str(urlsplit(url_of(server)).port)) as url:
        file = sdist("demo")
        assert upload(url, "/packages/legacy/", file).status == 200
        assert file[0].encode() in ask(url, "/packages/simple/demo/").body


def test_https_and_a_password_for_readers(kind: str, folder: Path, tmp_path: Path) -> None:
    """pip and uv take both from the places where people keep them: a certificate of one's own, and .netrc."""
    site = published(folder / "site")
    certify(site.base)
    line = subprocess.run(
        ["htpasswd", "-nbBC", "5", "alice", "horse"], check=True, capture_output=True, text=True
    ).stdout.strip()
    (site.base / "users").write_text(line.replace(":", " ") if kind == "caddy" else line)
    options = ("--https", "certificate.pem", "key.pem", "--htpasswd", "users")
    with served(kind, site, *options) as url:
        url = url.replace("http:", "https:")
        for installer in (_pip, _uv):
            home = tmp_path / installer.__name__
            home.mkdir()
            assert installer(home, f"{url}/simple/", site.base / "authority.pem").returncode != 0
            (home / ".netrc").write_text("machine 127.0.0.1 login alice password horse\n")
            (home / ".netrc").chmod(0o600)
            done = installer(home, f"{url}/simple/", site.base / "authority.pem")
            assert done.returncode == 0, done.stdout + done.stderr
            assert (home / "target/foo_bar.py").exists()
        trusting = {"SSL_CERT_FILE": str(site.base / "authority.pem")}
        done = site.call("doctor", "--url", url, env={**trusting, "HOME": str(tmp_path / "_pip")})
        assert (done.code, done.out) == (0, f"{url}/ (index main): 0 findings (12 checks)\n")
        done = site.call("doctor", "--url", url, env={**trusting, "HOME": str(tmp_path)})
        assert (done.code, "the server says 401\n  write user and password into ~/.netrc" in done.out) == (1, True)


def certify(folder: Path) -> None:
    """An authority, and a certificate of it for 127.0.0.1, which the web server may read."""
    new = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    authority = ["-subj", "/CN=authority", "-keyout", "authority.key", "-out", "authority.pem"]
    subprocess.run([*new, *authority], cwd=folder, check=True, capture_output=True)
    by = ["-CA", "authority.pem", "-CAkey", "authority.key", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
    files = ["-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run([*new, *by, *names, *files], cwd=folder, check=True, capture_output=True)
    shutil.chown(folder / "key.pem", "nobody")


def _pip(home: Path, index: str, certificate: Path) -> subprocess.CompletedProcess[str]:
    """Not isolated: it would not read .netrc, but it prefers a bundle that the environment names to --cert."""
    environment = {key: value for key, value in clean_environment(home).items() if not key.endswith("CA_BUNDLE")}
    command = [sys.executable, "-m", "pip", "install", "--no-cache-dir", "--no-input", "--retries=0"]
    options = ["--index-url", index, "--cert", str(certificate), "--target", str(home / "target"), "foo-bar"]
    return subprocess.run(
        [*command, *options], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def _uv(home: Path, index: str, certificate: Path) -> subprocess.CompletedProcess[str]:
    options = ("--default-index", index, "--python", sys.executable, "--target", str(home / "target"), "foo-bar")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(certificate))
        return uv(home, "pip", "install", *options)


def test_what_is_not_here_is_redirected_elsewhere_only_where_that_was_asked_for(
    kind: str, folder: Path, tmp_path: Path
) -> None:
    """With a warning in the configuration; what is here, or has a reserved name, never leads elsewhere."""
    site = published(folder / "site", reserved_prefixes='["acme-", "foo-internal"]')
    public = published(folder / "public", "other")
    with served(kind, public) as elsewhere, served(kind, site, "--fallback", f"{elsewhere}/simple") as url:
        assert "dependency confusion" in (site.base / "httpd.conf").read_text()
        reply = ask(url, "/simple/other/", Accept=JSON)
        assert (reply.status, reply.headers["location"]) == (302, f"{elsewhere}/simple/other/")
        assert ask(url, "/simple/foo-bar/", Accept=JSON).status == 200
        for path in ("foo-bar/not-a-page", "acme-not-yet-published/", "acme-not-yet-published", "foo-internal/"):
            assert ask(url, f"/simple/{path}", Accept=JSON).status == 404
        for install in (pip_install, uv_install):
            install(tmp_path / install.__name__, f"{url}/simple/", "foo-bar", "other")
        assert ask(elsewhere, "/simple/foo-bar/", Accept=JSON).status == 404


def test_a_site_for_the_system_has_the_names_and_ports_of_each_url(kind: str, folder: Path) -> None:
    """Indexes of two hosts are two sites."""
    site = several(folder / "site")
    text = site.config.read_text()
    text = text.replace("[index.main]\n", '[index.main]\nurl = "http://one.example.com/"\n')
    site.write_config(text.replace("[index.team]\n", '[index.team]\nurl = "http://two.example.com:8090/in/"\n'))
    said = site.call("webserver", kind).out
    assert "one.example.com" in said and "two.example.com" in said and "8090" in said
    assert str(site.base / "main/public") in said and "/in/" in said
    assert "127.0.0.1:8080/main" in said or "rewrite * /main{uri}" in said


def test_an_https_url_needs_a_certificate_unless_another_server_has_it(kind: str, folder: Path) -> None:
    """Caddy obtains one."""
    site = published(folder / "site", url='"https://packages.example.com/"')
    done = site.call("webserver", kind)
    if kind == "caddy":
        assert "https://packages.example.com {" in done.out
    else:
        assert (done.code, done.out, "--https CERTIFICATE KEY" in done.err) == (2, "", True)
    said = site.call("webserver", kind, "--https", "c.pem", "k.pem").out
    assert "443" in said or "https://packages.example.com {" in said
    said = site.call("webserver", kind, "--listen", "8090").out
    assert "8090" in said and "443" not in said and "https:" not in said


def test_a_folder_that_no_web_server_can_name_is_an_error(kind: str, folder: Path) -> None:
    site = published(folder / 'a "quoted" folder')
    done = site.call("webserver", kind)
    assert (done.code, done.out) == (2, "")
    assert "can't be written" in done.err


HOSTILE = {
    "a host that ends a directive": ("http://h;x/", "https://h;x/"),
    "a host with a variable": ("http://h$a/", "https://h$a/"),
    "a path that ends a directive": ("http://h/a;b/", "https://h/a;b/"),
    "a path that ends a block": ("http://h/}x{/", "https://h/}x{/"),
    "a path with a quote": ("http://h/a'b/", "https://h/a'b/"),
    "a path with a variable": ("http://h/$1/", "https://h/$1/"),
    "a path that is no ASCII": ("http://h/\xe9/", "https://h/%1b/"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_an_address_adds_nothing_to_a_configuration(what: str, kind: str, folder: Path) -> None:
    """Neither that of the index nor that of another one: it is an error that names it."""
    url, elsewhere = HOSTILE[what]
    done = Site(folder / "one", url=f'"{url}"').call("webserver", kind)
    assert (done.code, done.out, "The 'url'" in done.err, "can't be written" in done.err) == (2, "", True, True)
    done = Site(folder / "two").call("webserver", kind, "--fallback", elsewhere)
    assert (done.code, done.out, "--fallback" in done.err, "can't be written" in done.err) == (2, "", True, True)


@pytest.mark.parametrize("address", ["a;b:8000", '"x:8000', "a{b:8000", "$h:8000", "0"])
def test_a_web_server_is_told_a_real_address_to_listen_on(address: str, kind: str, folder: Path) -> None:
    done = Site(folder / "site").call("webserver", kind, "--listen", address)
    assert (done.code, done.out, "--listen" in done.err) == (2, "", True)


def with_urls(folder: Path, main: str, team: str) -> Site:
    """Two indexes, main and team."""
    site = several(folder)
    text = site.config.read_text()
    for name, url in (("main", main), ("team", team)):
        text = text.replace(f"[index.{name}]\n", f'[index.{name}]\nurl = "{url}"\n')
    site.write_config(text)
    return site


@pytest.mark.parametrize("other", ["", "simple/", "files/", "pypi/"])
def test_two_indexes_at_one_place_are_an_error(other: str, kind: str, folder: Path) -> None:
    """Also if one is where pages of the other are, and only after --https or --listen."""
    site = with_urls(folder / "site", "http://h/", f"http://h/{other}")
    done = site.call("webserver", kind)
    assert (done.code, done.out, "the pages of" in done.err) == (2, "", True)
    assert site.call("webserver", kind, "--index", "team").code == 0
    assert site.call("webserver", kind, "--standalone").code == 0
    site = with_urls(folder / "https", "http://h/", f"https://h/{other}")
    assert site.call("webserver", kind, "--https", "certificate.pem", "key.pem").code == 2


@pytest.mark.parametrize(
    ("main", "team", "options"),
    [
        ("http://h/", "http://h/team/", []),
        ("http://h/", "https://h/team/", ["--https", "certificate.pem", "key.pem"]),
        ("http://h:8001/a/", "http://h:8002/b/", ["--listen", "8123"]),
        ("http://[::1]:8123/", "http://h:8124/", []),
    ],
)
def test_real_servers_accept_each_form_of_address(
    main: str, team: str, options: list[str], kind: str, folder: Path
) -> None:
    """One index at the root and one below it, HTTP that becomes HTTPS, ports that become one, IPv6."""
    site = with_urls(folder / "site", main, team)
    certify(site.base)
    done = site.call("webserver", kind, *options)
    assert done.code == 0, done.err
    assert (
        done.out.count("ServerName h\n" if kind == "apache" else "server_name h;" if kind == "nginx" else "://h") == 1
    )
    examined(kind, site.base, done.out)


MODULES = "mpm_event authz_core authn_core authz_host alias dir env headers mime rewrite setenvif proxy proxy_http ssl"
AROUND = {
    "nginx": "pid /dev/null;\nevents {{ }}\nhttp {{\naccess_log off;\n{site}\n}}\n",
    "apache": "ServerRoot {base}\nErrorLog {base}/log\n{modules}\nTypesConfig /dev/null\n{site}",
    "caddy": "{site}",
}
CHECKED_BY = {
    "nginx": ("nginx", "-t", "-e", "stderr", "-c"),
    "apache": ("apache2", "-t", "-f"),
    "caddy": ("caddy", "validate", "--adapter", "caddyfile", "--config"),
}


def examined(kind: str, base: Path, site: str) -> None:
    """What the server itself says of a site for the system."""
    modules = [*MODULES.split(), "socache_shmcb"]
    loads = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in modules)
    (base / "all.conf").write_text(AROUND[kind].format(site=site, base=base, modules=loads))
    program = shutil.which(CHECKED_BY[kind][0], path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip(f"{kind} is not installed")
    environment = {**clean_environment(base), "APACHE_LOG_DIR": str(base), "XDG_DATA_HOME": str(base)}
    command = [program, *CHECKED_BY[kind][1:], str(base / "all.conf")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "conflicting" not in done.stderr

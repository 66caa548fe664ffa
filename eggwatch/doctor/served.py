"""Checks of the web server in front of an index, from outside: `doctor --url`. A few dozen requests change nothing.

Each check is a small function in the table CHECKS. What a remedy names is in the configuration that `eggwatch
webserver` prints.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from eggwatch.config.index_config import IndexConfig
from eggwatch.doctor import Reported
from eggwatch.doctor.asking import PIP, V1_JSON, HttpAnswer, ServedIndex
from eggwatch.doctor.environment import CheckOutcome, Finding, Unchecked
from eggwatch.doctor.folders import quoted
from eggwatch.model.names import JSON_NAME
from eggwatch.readers.remote import NotReachedError, not_reached

WebCheck = Callable[[ServedIndex], Iterator[CheckOutcome]]

LARGEST_FILE = 16 << 20
"""Files above are not downloaded for a check, in bytes."""
LARGE_UPLOAD = 64 << 20
KEPT_FOR_GOOD = 86400

_DIRECTIVES = {
    "types": ("map $http_accept, types and index", "RewriteRule and AddType", "@json, @v1_html and @html"),
    "vary": ("add_header Vary", "Header merge Vary", "header /simple/* Vary"),
    "caching": ("add_header Cache-Control", "Header set Cache-Control and FileETag", "the header lines Cache-Control"),
    "compression": ("gzip_static on", "RewriteRule … .gz and AddEncoding gzip", "precompressed gzip"),
    "files": ("types and default_type of /files/", "RemoveEncoding and ForceType", "@archive and @metadata"),
    "ranges": ("(remove max_ranges)", "(remove MaxRanges, and Header unset Accept-Ranges)", "file_server"),
    "redirects": ("rewrite … and absolute_redirect off", "RewriteMap and ServerName", "route @other_spelling"),
    "hidden": ("location ~ /\\.", 'RedirectMatch 404 "/\\."', "respond @hidden 404"),
    "site": ("add_header Content-Security-Policy", "Header set Content-Security-Policy", "header C…-Security-Policy"),
    "uploads": ("location = /legacy/", "RewriteRule … [P,L]", "reverse_proxy @uploads"),
}
"""The directives that matter to a check, of nginx, Apache and Caddy."""


def _remedy(served: ServedIndex, check: str) -> str:
    kinds = ("nginx", "apache", "caddy")
    if served.server not in kinds:
        return "configure the web server like one of those that 'eggwatch webserver' prints"
    directive = _DIRECTIVES[check][kinds.index(served.server)]
    return f"'eggwatch webserver {served.server}' prints what is right: {directive}"


def _finding(served: ServedIndex, check: str, url: str, problem: str) -> Finding:
    return Finding(where=url, problem=problem, remedy=_remedy(served, check))


def pages(served: ServedIndex) -> Iterator[CheckOutcome]:
    """The pages of the index and of a project are there, and may be read by the web server's account."""
    for folder in ("simple/", *_project_pages(served)):
        answer = served.ask(folder, Accept=PIP)
        if answer.status != 200:
            yield _absent(served, answer)
        elif not _shows_an_index(served, folder):
            remedy = f"let the web server show the index at {served.base}; if another program answered, check --url"
            yield Finding(where=answer.url, problem="the answer is not a page of an index", remedy=remedy)


def _shows_an_index(served: ServedIndex, folder: str) -> bool:
    answer = served.ask(folder, Accept=PIP)
    return answer.status == 200 and (bool(served.detail(folder)) or b"pypi:repository-version" in answer.body)


def _absent(served: ServedIndex, answer: HttpAnswer) -> Finding:
    """Why something that is published is not served."""
    public = "PUBLIC" if served.local is None else quoted(served.local.public)
    remedies = {
        401: "write user and password into ~/.netrc, where pip and uv look for them, too",
        403: f"let the web server's account read it: namei -l {public}/simple shows who may; sudo eggwatch doctor",
        404: f"let the web server show the folder {public} at {served.base}; without an index there, check --url",
    }
    problem = f"the server says {answer.status}"
    remedy = remedies.get(answer.status, "look into the web server's error log")
    if location := answer.headers.get("Location"):
        problem = f"it redirects to {location}"
        remedy = "let clients, and --url, use that address; or remove the redirect"
    return Finding(where=answer.url, problem=problem, remedy=remedy)


def _project_pages(served: ServedIndex) -> list[str]:
    """The page of the first project that has files."""
    return [f"simple/{name}/" for name, _ in served.details()][:1]


def types(served: ServedIndex) -> Iterator[CheckOutcome]:
    """Each client gets the form that it prefers, with its media type."""
    for folder in ("simple/", *_project_pages(served)):
        for accept, expected in ((PIP, V1_JSON), ("text/html", "text/html"), ("*/*", "text/html")):
            answer = served.ask(folder, Accept=accept)
            if answer.status == 200 and answer.type != expected:
                asked = f"that accepts {accept.partition(',')[0]}"
                problem = f"a client {asked} gets {answer.type or 'no Content-Type'}, and not {expected}"
                yield _finding(served, "types", answer.url, problem)


def vary(served: ServedIndex) -> Iterator[CheckOutcome]:
    """Caches are told that the form depends on Accept and Accept-Encoding."""
    answer = served.ask("simple/", Accept=PIP, Accept_Encoding="gzip")
    varying = {name.strip() for name in answer.header("Vary").split(",")}
    depends = {"accept"} if answer.type == V1_JSON else set()
    depends |= {"accept-encoding"} if answer.header("Content-Encoding") else set()
    if lacking := sorted(depends - varying - ({"accept", "accept-encoding"} if "*" in varying else set())):
        problem = f"Vary lacks {' and '.join(lacking)}: a cache may send one client the response for another"
        yield _finding(served, "vary", answer.url, problem)


def caching(served: ServedIndex) -> Iterator[CheckOutcome]:
    """Pages are asked for each time, and unchanged ones cost a 304; archives may be kept."""
    for folder in ("simple/", *_project_pages(served)):
        answer = served.ask(folder, Accept=PIP)
        for problem in (*_kept(answer), *_tagged(served, folder, answer)):
            yield _finding(served, "caching", answer.url, problem)
    for file in _files(served)[:1]:
        answer = served.ask(file["url"])
        if answer.status == 200 and _max_age(answer) is not None and (_max_age(answer) or 0) < KEPT_FOR_GOOD:
            yield _finding(served, "caching", answer.url, "archives never change, but clients must ask for them again")


def _kept(answer: HttpAnswer) -> Iterator[str]:
    control = answer.header("Cache-Control")
    age = _max_age(answer)
    if age is None and not re.search(r"\bno-(cache|store)\b", control):
        yield "without Cache-Control, clients and caches guess how long a page is current"
    elif age:
        yield f"with 'Cache-Control: {control}' a new release is not seen for {age} seconds"
    if answer.header("Age").isdigit() and int(answer.header("Age")) > 0:
        yield f"a cache in front of the web server answered with a page that is {answer.header('Age')} seconds old"


def _max_age(answer: HttpAnswer) -> int | None:
    found = re.search(r"\bmax-age=(\d+)", answer.header("Cache-Control"))
    return None if found is None else int(found[1])


def _tagged(served: ServedIndex, folder: str, answer: HttpAnswer) -> Iterator[str]:
    tag = answer.headers.get("ETag", "")
    forms = [answer, served.ask(folder, Accept=PIP, Accept_Encoding="gzip"), served.ask(folder, Accept="text/html")]
    tags = [form.headers.get("ETag", "") for form in forms]
    if not all(tags):
        yield "without an ETag, clients download unchanged pages again"
    elif any(one.startswith("W/") for one in tags):
        yield "the ETag is weak: uv ignores it, and compares times only"
    elif len(set(tags)) < len({form.body for form in forms}):
        yield "two forms have the same ETag: a client keeps one for the other"
    elif served.ask(folder, Accept=PIP, If_None_Match=tag).status != 304:
        yield "the answer to If-None-Match with the current ETag is not 304"


def compression(served: ServedIndex) -> Iterator[CheckOutcome]:
    """The compressed pages are sent to those who accept gzip, and to nobody else."""
    for folder in ("simple/", *_project_pages(served)):
        plain = served.ask(folder, Accept=PIP)
        packed = served.ask(folder, Accept=PIP, Accept_Encoding="gzip")
        if plain.header("Content-Encoding"):
            yield _finding(served, "compression", plain.url, "a client that accepts no gzip gets a compressed page")
        elif packed.header("Content-Encoding") != "gzip":
            problem = "the compressed pages (index.v1_json.gz) are not sent to clients that accept gzip"
            yield _finding(served, "compression", packed.url, problem)
        elif packed.unpacked != plain.body:
            yield _finding(served, "compression", packed.url, "the compressed page differs from the plain one")


def files(served: ServedIndex) -> Iterator[CheckOutcome]:
    """A wheel, its metadata and an sdist arrive as they were published."""
    for file in _files(served):
        yield from _arrives(served, file["url"], file["hashes"]["sha256"])
        core = file.get("core-metadata")
        if isinstance(core, dict) and "sha256" in core:
            yield from _arrives(served, f"{file['url']}.metadata", core["sha256"])


def _files(served: ServedIndex) -> list[dict[str, Any]]:
    """The smallest wheel and the smallest sdist, with URLs in full."""
    found = [
        {**file, "url": urljoin(f"{served.base}simple/{name}/", file["url"])}
        for name, detail in served.details()
        for file in detail["files"]
        if "sha256" in file["hashes"] and _size(file) <= LARGEST_FILE
    ]
    found.sort(key=_size)
    wheels = [file for file in found if file["filename"].endswith(".whl")]
    sdists = [file for file in found if not file["filename"].endswith(".whl")]
    return wheels[:1] + sdists[:1]


def _size(file: dict[str, Any]) -> int:
    """In bytes; 0 where an index does not say it."""
    size = file.get("size")
    return size if isinstance(size, int) else 0


def _arrives(served: ServedIndex, url: str, sha256: str) -> Iterator[Finding]:
    answer = served.ask(url, Accept_Encoding="gzip, deflate")
    if answer.status != 200:
        yield _absent(served, answer)
    elif encoding := answer.header("Content-Encoding"):
        problem = f"'Content-Encoding: {encoding}': clients unpack the file, and its hash is wrong"
        yield _finding(served, "files", url, problem)
    elif answer.sha256 != sha256:
        remedy = "sudo -u eggwatch eggwatch verify; if that finds nothing, the web server shows another folder"
        yield Finding(where=url, problem="the file is not the one that the page describes", remedy=remedy)


def ranges(served: ServedIndex) -> Iterator[CheckOutcome]:
    """Parts of an archive can be asked for: uv and `pip download --resume-retries` do."""
    for file in _files(served)[:1]:
        answer = served.ask(file["url"], Range="bytes=0-9")
        if answer.status == 200 or (answer.status == 206 and len(answer.body) != 10):
            yield _finding(served, "ranges", answer.url, "the response to a Range request is not the requested part")


def redirects(served: ServedIndex) -> Iterator[CheckOutcome]:
    """A missing slash, and other spellings of a name, lead to the page, on the same server."""
    for page in _project_pages(served):
        name = page.split("/")[1]
        spelt = name.title().replace("-", "_") if "-" in name else name.upper()
        for path, what in ((page.rstrip("/"), "without its slash"), (f"simple/{spelt}/", "by another spelling")):
            last = _followed(served, path)
            if last.url != urljoin(served.base, page) or last.status != 200:
                problem = f"the page is not found {what}: redirects end with {last.status} at {last.url}"
                yield _finding(served, "redirects", urljoin(served.base, path), problem)


def _followed(served: ServedIndex, path: str) -> HttpAnswer:
    """Where redirects end; those to another server are not followed."""
    answer = served.ask(path, Accept=PIP)
    for _ in range(30):
        location = urljoin(answer.url, answer.headers.get("Location", answer.url))
        if answer.status not in (301, 302, 303, 307, 308):
            break
        if urlsplit(location)[:2] != urlsplit(served.base)[:2]:
            return HttpAnswer(url=location, status=answer.status, headers=answer.headers, body=b"")
        answer = served.ask(location, Accept=PIP)
    return answer


def current(served: ServedIndex) -> Iterator[CheckOutcome]:
    """The pages are those that lie in PUBLIC on this machine."""
    if served.local is None:
        yield Unchecked(
            where=served.base,
            reason="it is not known to be an index of this machine, so it is not known whether the pages are current",
        )
        return
    for folder in ("simple/", *_project_pages(served)):
        mine, theirs = _serial_here(served.local, folder), _serial(served.detail(folder))
        if mine != theirs:  # published in between?
            answer = ServedIndex(base=served.base).detail(folder)
            mine, theirs = _serial_here(served.local, folder), _serial(answer)
        if mine != theirs:
            problem = f"the page has the serial {theirs}, and that in {served.local.public} has {mine}"
            remedy = "let the web server show that folder; if a cache is in front of it, let it revalidate pages"
            yield Finding(where=urljoin(served.base, folder), problem=problem, remedy=remedy)


def _serial_here(index: IndexConfig, folder: str) -> int | None:
    try:
        text = (index.public / folder / JSON_NAME).read_text("utf-8")
    except FileNotFoundError:
        return None
    found = re.search(r'"_last-serial":\s*(\d+)', text.partition('"projects"')[0])
    return None if found is None else int(found[1])


def _serial(page: dict[str, Any]) -> int | None:
    serial = page.get("meta", {}).get("_last-serial")
    return serial if isinstance(serial, int) else None


def hidden(served: ServedIndex) -> Iterator[CheckOutcome]:
    """Dot-folders are not served, whatever their mode: .eggwatch has uploads that have not been checked."""
    for path in (".eggwatch", ".eggwatch/"):
        answer = served.ask(path)
        absent = served.ask(path.replace(".eggwatch", ".no-such-folder"))
        if answer.status < 400 or answer.status != absent.status:
            problem = (
                f"the server answers {answer.status}: only its mode protects the folder, which has unchecked uploads"
            )
            yield _finding(served, "hidden", answer.url, problem)
            return


def site(served: ServedIndex) -> Iterator[CheckOutcome]:
    """The pages for people are there, with their style, and a policy that lets nothing else run."""
    for path, expected in (("", "text/html"), ("rules/", "text/html"), ("static/style.css", "text/css")):
        answer = served.ask(path, Accept=f"{expected},*/*;q=0.1")
        if answer.status != 200:
            yield _absent(served, answer)
        elif answer.type != expected:
            problem = f"it comes as {answer.type or 'no Content-Type'}, and not as {expected}: browsers do not show it"
            yield _finding(served, "types", answer.url, problem)
        elif path == "" and (problem := _unsafe(answer)):
            yield _finding(served, "site", answer.url, problem)


def _unsafe(answer: HttpAnswer) -> str:
    parts = map(str.split, answer.header("Content-Security-Policy").split(";"))
    policy = {words[0]: words[1:] for words in parts if words}
    if "default-src" not in policy:
        return "without a Content-Security-Policy, a text of a package might run scripts in a browser"
    blocked = [name for name in ("script-src", "style-src") if "'self'" not in policy.get(name, policy["default-src"])]
    return f"{' and '.join(blocked)} of Content-Security-Policy blocks the pages' own files" if blocked else ""


def uploads(served: ServedIndex) -> Iterator[CheckOutcome]:
    """Uploads reach `eggwatch serve`, also large ones, if the index takes some over HTTP."""
    if served.local is None or served.local.uploads is None:
        return
    answer = served.ask_anew("legacy/", b"")
    size = min(LARGE_UPLOAD, served.local.terms.max_file_size or LARGE_UPLOAD)
    status = _status_of_an_upload(answer.url, size) if answer.status in (400, 401, 403) else answer.status
    if status == 413:
        yield _finding(served, "uploads", answer.url, "large uploads are rejected by the web server (413)")
    elif status in (502, 503, 504):
        remedy = "systemctl restart eggwatch-http.socket, or start 'eggwatch serve'; journalctl -u eggwatch-http -e"
        yield Finding(where=answer.url, problem=f"uploads reach nobody ({status})", remedy=remedy)
    elif status not in (100, 400, 401, 403):
        yield _finding(served, "uploads", answer.url, f"uploads are not passed on: the server answers {status}")


def _status_of_an_upload(url: str, size: int) -> int:
    """What a server says to the announcement of so many bytes, none of which are sent; 100 if it lets them come."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.putrequest("POST", parts.path)
        for name, value in (("Content-Length", str(size)), ("Expect", "100-continue")):
            connection.putheader(name, value)
        connection.endheaders()
        said = re.match(rb"HTTP/1\.[01] (\d{3})", connection.sock.recv(12))
    except TimeoutError:
        return 100
    except (OSError, http.client.HTTPException) as error:
        raise not_reached(url, error, "--url") from error
    finally:
        connection.close()
    return int(said[1]) if said else 0


CHECKS: dict[str, WebCheck] = {
    "pages": pages,
    "types": types,
    "vary": vary,
    "caching": caching,
    "compression": compression,
    "files": files,
    "ranges": ranges,
    "redirects": redirects,
    "current": current,
    "hidden": hidden,
    "site": site,
    "uploads": uploads,
}
"""Every check by its name, in the order of the report."""


def examine_served(served: ServedIndex) -> list[Reported]:
    """Run all checks of the web server at a URL; only the first if it does not show an index."""
    reported = [Reported(check="pages", outcome=one) for one in pages(served)]
    if not _shows_an_index(served, "simple/"):
        return reported
    for name, check in list(CHECKS.items())[1:]:
        reported += [Reported(check=name, outcome=one) for one in _as_far_as_reached(served, check)]
    return reported


def _as_far_as_reached(served: ServedIndex, check: WebCheck) -> Iterator[CheckOutcome]:
    """Archives may be on another server, which is down; and some servers break off what they do not know."""
    try:
        yield from check(served)
    except NotReachedError as error:
        yield Finding(where=served.base, problem=str(error).rstrip("."), remedy=error.remedy)

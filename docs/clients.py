"""Writes docs/clients.rst: which clients were seen to work with which web servers, and which versions they take.

`python -m docs.clients` makes it of docs/clients-seen.json, which tests/clients records; one test compares that file
with what clients do, another the page with that file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SEEN = ROOT / "docs/clients-seen.json"
PAGE = ROOT / "docs/clients.rst"

CASES = {
    "case-yanked": ("yanked", "2.0 is yanked, 1.0 is not.", "1.0"),
    "case-removed": ("removed", "2.0 was removed.", "1.0"),
    "case-newer-python": ("newer Python", "2.0 has ``Requires-Python: >=4``.", "1.0"),
    "case-versions": ("1000 versions", "1.0 to 1.999.", "1.999"),
    "case-files": ("5000 files", "1.0 to 1.4, each with the builds 1 to 1000.", "1.4-1000"),
    "case-unicode": ("Unicode", "The metadata is not ASCII.", "1.0"),
    "case-local": ("local version", "1.0 and 1.0+local.1.", "1.0+local.1"),
    "case-build": ("build tags", "1.0 as build 1 and as build 2.", "1.0-2"),
    "case-epoch": ("epoch", "2026.1 and 1!1.0.", "1!1.0"),
    "case-pre": ("pre-release", "1.0 and 2.0rc1.", "1.0"),
    "case-archived": ("archived", "The project is in ``archived``.", "1.0"),
    "case-quarantined": ("quarantined", "``repair`` has quarantined 2.0.", "1.0"),
}
"""By project: the name of the case, what is published, and what the newest clients take."""
SERVERS = {"nginx": "nginx", "apache": "Apache", "caddy": "Caddy", "serve": "``eggwatch serve``"}

Seen = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By client and server: the versions that were taken, and the requests for one project."""

HEAD = """\
Clients and web servers
=======================

.. Made by ``python -m docs.clients`` from ``docs/clients-seen.json``; do not edit.

Each client was run against one published tree, served by nginx, Apache and Caddy with the configurations in
``contrib/httpd``, and by ``eggwatch serve``. It was asked for twelve projects without a version. The tests compare what
it takes, and read the log of each server.

"""


TAIL = """\

Other programs
--------------

pip
    ``--require-hashes``, ``index versions``, ``lock`` and ``--uploaded-prior-to`` work, uv's ``--exclude-newer`` too.
    pip keeps pages only of hosts with HTTPS and of those that ``--trusted-host`` names; then a page costs a 304.
pipx
    Installs with ``--backend uv``. With pip it first installs a newer pip, from the same index.
Renovate, Dependabot
    Read ``/pypi/<project>/json``, or the simple pages. The address for Renovate is that of ``/simple/``, or ``/pypi/``,
    which also tells it dates and home pages. The tests send the requests of both, and run Renovate where it is
    installed (39.99 proposes what pip would take, from every server by either address). Dependabot itself was not run.
easy_install
    Of setuptools 79, the last one that has it, and of those for Python 2.7, 3.6 and 3.7: ``-i URL/simple/``, or
    ``-f URL/simple/PROJECT/``. It knows neither yanked files nor ``Requires-Python``, and prefers pre-releases.
pypi-simple
    Reads all pages, as JSON and as HTML.
simpleindex, simple-repository-server
    pip installs through both. simple-repository-server 0.10 quotes the address of a ``.metadata`` file a second time:
    through it, versions with ``+`` or ``!`` can't be installed.
bandersnatch
    6.8 mirrors an index at ``https://HOST/packages/``, with one more line in the web server's configuration: see
    :doc:`replicas`. ``eggwatch import`` reads its mirrors.

pip-audit
    ``-r requirements.txt --index-url URL`` finds what pip would install. The tests stop there (``--dry-run``): for
    vulnerabilities, it asks a service that is no index.

conda-lock
    Reads an index that ``pip-repositories`` in ``environment.yml`` names; with ``allow-pypi-requests: false`` no other.
    The tests give it a program in place of conda, which says that a channel has Python and pip.

Not tested: pixi, which is no Python package.
"""


def page(seen: Seen) -> str:
    """The page."""
    return HEAD + "\n".join(_page(seen)) + "\n" + TAIL


def _page(seen: Seen) -> Iterator[str]:
    yield from chapter("Requests")
    yield "What is requested of each server for one project; a page that is requested again costs a 304. Those without"
    yield "``.metadata`` do not know these files. The last five only lock, and download no archive."
    yield ""
    rows = [[client, *(_requests(servers[kind]) for kind in SERVERS)] for client, servers in seen.items()]
    yield from table([["client", *SERVERS.values()], *rows])
    yield from chapter("Cases")
    yield "What is published, and the version (and build) that is taken. All clients take the same from all servers."
    yield ""
    rows = [[name, what, f"``{answer}``", _others(seen, project)] for project, (name, what, answer) in CASES.items()]
    yield from table([["case", "published", "taken", "other clients"], *rows])
    yield "A lock file names all files of a version, so that no build shows. pip knows yanked files since version 19.2."
    yield "easy_install was not asked for 5000 files: it sorts all files of a page again for each of them, which takes"
    yield "a minute and more."


def _requests(one: Mapping[str, Any]) -> str:
    names = {"page": "page", "metadata": "``.metadata``", "file": "file"}
    return ", ".join(f"{one['requests'][name]} {said}" for name, said in names.items() if name in one["requests"])


def _others(seen: Seen, project: str) -> str:
    """The clients that take something else, from any server."""
    answer = CASES[project][2]
    others: dict[str, set[str]] = {}
    for client, servers in seen.items():
        for one in servers.values():
            version = one["taken"].get(project, answer)
            if version not in (answer, answer.partition("-")[0]):
                others.setdefault(version, set()).add(client)
    return "; ".join(f"{', '.join(sorted(clients))}: ``{version}``" for version, clients in others.items())


def chapter(title: str) -> Iterator[str]:
    """The lines of a heading."""
    yield from (title, "-" * len(title), "")


def table(rows: Sequence[Sequence[str]], widths: str = "") -> Iterator[str]:
    """The lines of a table, whose first row is its head."""
    yield from (".. list-table::", "   :header-rows: 1", *([f"   :widths: {widths}"] if widths else []), "")
    for first, *rest in rows:
        yield f"   * - {first}"
        yield from (f"     -{f' {cell}' if cell else ''}" for cell in rest)
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(SEEN.read_text("utf-8"))), "utf-8")

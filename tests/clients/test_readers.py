"""Other programs that read an index: Renovate and Dependabot, pypi-simple, proxies, easy_install."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pypi_simple
import pytest

from docs.clients import CASES
from tests.clients.conftest import Bench
from tests.clients.installers import CLIENTS
from tests.clients.servers import KINDS
from tests.clients.tree import FILES, VERSIONS
from tests.contrib.older_indexes import running
from tests.contrib.test_old_story import PYTHONS, run
from tests.http_asking import ask
from tests.installers import EASY_INSTALL, clean_environment

pytestmark = [pytest.mark.parts, pytest.mark.root, pytest.mark.long]
RELEASES = {**dict.fromkeys(CASES, 2), "case-versions": VERSIONS, "case-files": 5}
RELEASES |= dict.fromkeys(("case-removed", "case-unicode", "case-build", "case-archived", "case-quarantined"), 1)


@pytest.mark.parametrize("kind", KINDS)
def test_renovate_and_dependabot_find_the_releases(bench: Bench, kind: str) -> None:
    """They ask for pypi/<project>/json beside simple/, and refuse a null where they expect a text."""
    server = bench.servers[kind]
    for project, count in RELEASES.items():
        reply = ask(server.url, f"/pypi/{project}/json", Accept="application/json")
        assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
        page = json.loads(reply.body)
        assert isinstance(page["info"]["home_page"], str) and isinstance(page["info"]["project_urls"], dict)
        assert len(page["releases"]) == count
        _check_files([*chain(*page["releases"].values())], bench.base / "public/pypi" / project)
        version = page["info"]["version"]
        # Which Python will run it nobody has said.
        assert version == ("2.0" if project == "case-newer-python" else CASES[project][2].partition("-")[0])
        own = json.loads(ask(server.url, f"/pypi/{project}/{version}/json").body)
        assert own["info"] == page["info"] and len(own["urls"]) == len(page["releases"][version])
    assert ask(server.url, "/pypi/nothing/json").status == 404


def _check_files(files: list[dict[str, Any]], folder: Path) -> None:
    for file in files:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", file["upload_time"])
        assert (type(file["yanked"]), file["yanked"]) == (bool, file["yanked_reason"] is not None)
        assert (folder / unquote(file["url"])).stat().st_size == file["size"]


RENOVATE = shutil.which("renovate")
"""Of `npm install --global --ignore-scripts renovate@39`: eight hundred packages, so that most machines lack it."""
LOOKED_FOR = {"case-versions": "1.999", "case-epoch": "1!1.0", "case-pre": None, "case-yanked": None}
"""What it proposes for projects whose first version is pinned."""
RENOVATE_CONFIG = """
const packageRules = [{matchDatasources: ["pypi"], registryUrls: [process.env.INDEX]}];
module.exports = {enabledManagers: ["pip_requirements"], onboarding: false, requireConfig: "ignored", packageRules};
"""

if RENOVATE is not None:

    @pytest.mark.long
    @pytest.mark.parametrize("place", ["simple/", "pypi/"])
    @pytest.mark.parametrize("kind", KINDS)
    def test_renovate_proposes_what_pip_would_take(bench: Bench, kind: str, place: str, tmp_path: Path) -> None:
        first = {project: "2026.1" if project == "case-epoch" else "1.0" for project in LOOKED_FOR}
        (tmp_path / "requirements.txt").write_text("".join(f"{one}=={version}\n" for one, version in first.items()))
        (tmp_path / "config.js").write_text(RENOVATE_CONFIG)
        for words in (("init", "-q"), ("add", "requirements.txt")):
            subprocess.run(["git", "-C", tmp_path, *words], check=True)
        own = {"RENOVATE_CONFIG_FILE": "config.js", "LOG_FORMAT": "json", "LOG_LEVEL": "debug"}
        done = subprocess.run(
            [RENOVATE, "--platform=local", "--dry-run=lookup"],
            cwd=tmp_path,
            env={**clean_environment(tmp_path), **own, "INDEX": f"{bench.servers[kind].url}{place}"},
            capture_output=True,
            text=True,
            check=True,
        )
        (row,) = [row for row in map(json.loads, done.stdout.splitlines()) if row["msg"] == "packageFiles with updates"]
        deps = row["config"]["pip_requirements"][0]["deps"]
        assert [warning for dep in deps for warning in dep["warnings"]] == []
        assert {dep["depName"]: next((one["newVersion"] for one in dep["updates"]), None) for dep in deps} == LOOKED_FOR


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("accept", [pypi_simple.ACCEPT_JSON_ONLY, pypi_simple.ACCEPT_HTML_ONLY], ids=["JSON", "HTML"])
def test_pypi_simple_parses_every_page(bench: Bench, kind: str, accept: str) -> None:
    with pypi_simple.PyPISimple(bench.servers[kind].index, accept=accept) as client:
        assert set(client.get_index_page().projects) == set(CASES)
        pages = {project: client.get_project_page(project) for project in CASES}
    assert {len(pages["case-files"].packages), len(pages["case-versions"].packages)} == {FILES, VERSIONS}
    assert [one.version for one in pages["case-yanked"].packages if one.is_yanked] == ["2.0"]
    assert all(package.digests and package.has_metadata for page in pages.values() for package in page.packages)
    assert pages["case-archived"].status == "archived"


SIMPLEINDEX = """
import sys
from pathlib import Path
from simpleindex.__main__ import run
Path("routes").write_text('[routes."{project}"]\\nsource = "http"\\nto = "%s{project}/"\\n[server]\\nport = %s\\n' % (
    sys.argv[1], sys.argv[2]))
run(["routes"])
"""
PROXIES = {
    "simpleindex==0.6.3": ("", ("python", "-c", SIMPLEINDEX)),
    "simple-repository-server==0.10.0": ("simple/", ("simple-repository-server", "--host", "127.0.0.1")),
}
"""By package: the path of its index, and what is run with the URL of ours; the port follows."""


@pytest.mark.long
@pytest.mark.parametrize("program", PROXIES)
def test_pip_installs_through_a_proxy(bench: Bench, tmp_path: Path, program: str) -> None:
    """simpleindex redirects to our pages; simple-repository-server renders its own from them."""
    path, (first, *words) = PROXIES[program]
    option = [] if first == "python" else ["--port"]
    index = bench.servers["nginx"].index
    with running(tmp_path, bench.environment(program) / "bin" / first, *words, index, *option) as url:
        client, projects = CLIENTS["pip 26.3"], ["case-unicode", "case-versions", "case-yanked", "case-build"]
        taken = client.run(tmp_path, f"{url}{path}", bench.programs(client), projects)
    assert taken == {project: CASES[project][2] for project in projects}


@pytest.mark.long
def test_pip_audit_collects_what_pip_would_install(bench: Bench, tmp_path: Path) -> None:
    """All but the question for vulnerabilities, which goes to a service that is no index."""
    (tmp_path / "requirements.txt").write_text("case-unicode\ncase-newer-python\n")
    program = bench.environment("pip-audit==2.10.1") / "bin/pip-audit"
    words = ("-r", "requirements.txt", "--index-url", bench.servers["nginx"].index, "--dry-run")
    done = subprocess.run(
        [program, *words], cwd=tmp_path, env=clean_environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert (done.returncode, "would have audited 2 packages" in done.stderr) == (0, True), done.stderr


@pytest.mark.parametrize("python", PYTHONS)
def test_easy_install_reads_the_index_and_single_pages(bench: Bench, tmp_path: Path, python: str) -> None:
    """-i, and -f, for which an index is found nowhere."""
    index = bench.servers["apache"].index
    for where in (("-i", index), ("-i", "http://127.0.0.1:1/", "-f", f"{index}case-unicode/")):
        target = tmp_path / str(len(where))
        target.mkdir()
        words = ("--multi-version", "--install-dir", target, *where, "case-unicode")
        run(PYTHONS[python], tmp_path, "-c", EASY_INSTALL, *words, path=str(target))
        assert [path.name.partition("-py")[0] for path in target.glob("*.egg")] == ["case_unicode-1.0"]

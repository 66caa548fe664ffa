"""bandersnatch mirrors an index as docs/replicas.rst says, from each web server; pip installs from its mirror."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.archive_factory import sdist, wheel
from tests.contrib.older_indexes import install, run, served
from tests.contrib.test_webserver_command import KINDS, published
from tests.contrib.web_servers import folder_for, free_port, running_alone
from tests.installers import pip_install
from tests.once import once_a_run

pytestmark = [pytest.mark.parts, pytest.mark.root, pytest.mark.long]

PAGE = (Path(__file__).parents[2] / "docs/replicas.rst").read_text()
(CONF,) = re.findall(r":caption: bandersnatch.conf\n\n((?:   .*\n)+)", PAGE)
LINES = dict(re.findall(r"(?m)^(nginx|Apache|Caddy) +(?:in|after) .*  ``([^`]+9000000000;?)``$", PAGE))
PLACES = {"nginx": "location /packages/pypi/ {", "apache": '<Location "/packages/pypi/">', "caddy": "header @legacy"}


@pytest.mark.parametrize("kind", KINDS)
def test_bandersnatch_mirrors_an_index_and_what_is_new_in_it(
    kind: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Names with local versions too; the second run fetches only what has changed."""
    program = once_a_run(tmp_path_factory, "bandersnatch", lambda folder: install("bandersnatch==6.8.0", folder))
    with folder_for(kind) as folder:
        port = free_port()
        site = published(folder / "site", url=f'"http://127.0.0.1:{port}/packages/"')
        text = site.call("webserver", kind, "--standalone", "--listen", str(port)).out
        line = next(line for name, line in LINES.items() if name.lower() == kind)
        place = next(found for found in text.splitlines() if PLACES[kind] in found)
        (site.base / "httpd.conf").write_text(text.replace(place, f"{place}\n{line}"))
        shutil.chown(site.base / f"eggwatch-{kind}", "nobody")
        with running_alone(kind, site.base / "httpd.conf", port):
            conf = CONF.replace("/srv/bandersnatch", str(tmp_path / "mirror")).replace("   ", "")
            conf = conf.replace("https://files.example.com", f"http://127.0.0.1:{port}")
            (tmp_path / "conf").write_text(f"{conf}allow-non-https = true\nstop-on-error = true\n")
            run(tmp_path, program / "bin/bandersnatch", "-c", tmp_path / "conf", "mirror")
            before = (tmp_path / "mirror/web/simple/foo-bar/index.html").stat()
            for archive in (wheel("other", "1.0+local.1"), sdist("other", "1.0")):
                site.put(archive)
            assert site.run("run", "--once").code == 0
            run(tmp_path, program / "bin/bandersnatch", "-c", tmp_path / "conf", "mirror")
    assert (tmp_path / "mirror/web/simple/foo-bar/index.html").stat() == before
    assert (tmp_path / "mirror/status").read_text() == "3"
    with served(tmp_path / "mirror/web") as url:
        pip_install(tmp_path / "pip", f"{url}simple/", "foo-bar", "other==1.0+local.1")

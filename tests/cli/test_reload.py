"""SIGHUP: a running daemon takes a changed configuration."""

from __future__ import annotations

import signal
import urllib.error
import urllib.request

import pytest

from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.running import until


def is_served(url: str) -> bool:
    """Whether there is such a page."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False


def test_hang_up_takes_a_changed_configuration(site: Site) -> None:
    """SIGHUP: the new settings are in force, and uploads go on."""
    with site.daemon() as daemon:
        site.settings["contact"] = '"new@example.com"'
        site.write_config()
        daemon.send_signal(signal.SIGHUP)
        daemon.wait_for("read again")
        until("the landing page", lambda: "new@example.com" in (site.public / "index.html").read_text())
        site.put(sdist())
        until("uploads go on", lambda: site.filenames("demo"))


@pytest.mark.parametrize(
    "wrong",
    [
        "[index.main\n",
        '[index.main]\ndrop = "drop"\npublic = "public"\nstate = "state"\nscan = "often"\n',
        '[index.main]\ndrop = "elsewhere"\npublic = "public"\nstate = "state"\n',
        '[index.main]\ndrop = "drop"\npublic = "public"\nstate = "state"\ngroup = "no-such-group-here"\n',
        "",
    ],
    ids=["no TOML", "a wrong value", "a moved folder", "an unknown group", "empty"],
)
def test_hang_up_with_a_wrong_configuration_keeps_the_old(site: Site, wrong: str) -> None:
    """SIGHUP with a configuration that is wrong or moves a folder: the old one stays, the log says why."""
    with site.daemon() as daemon:
        site.write_config(wrong)
        daemon.send_signal(signal.SIGHUP)
        daemon.wait_for("still using the old configuration")
        site.put(sdist())
        until("uploads go on", lambda: site.filenames("demo"))


def test_hang_up_with_a_template_that_is_none_keeps_the_old_pages(site: Site) -> None:
    """A typing error in a template of one's own: the log says where, and uploads go on."""
    (own := site.base / "own").mkdir()
    (own / "front.html").write_text("\n{% if %}")
    with site.daemon() as daemon:
        site.write_config(f"{site.config.read_text()}\n[index.main.site]\ntemplates = '{own}'\n")
        daemon.send_signal(signal.SIGHUP)
        daemon.wait_for("still using the old configuration.*front.html, line 2")
        site.put(sdist())
        until("uploads go on", lambda: site.filenames("demo"))


def test_hang_up_adds_and_takes_away_indexes(site: Site) -> None:
    """SIGHUP with another index in the file: it is worked on too; without it, it is let go."""
    one = site.config.read_text()
    two = one.replace("[index.main]", "[index.second]").replace('= "', '= "second/').replace("second/0s", "0s")
    (site.base / "second" / "drop").mkdir(parents=True)
    with site.daemon("--serve", "0") as daemon:
        url = daemon.wait_for(r"^ready at (\S+)/$")[1]
        assert is_served(f"{url}/simple/")
        site.write_config(one + two)
        daemon.send_signal(signal.SIGHUP)
        second = Site(site.base / "second", bare=True)
        second.put(sdist())
        until("the second index", lambda: second.filenames("demo"))
        assert is_served(f"{url}/second/simple/demo/") and is_served(f"{url}/main/simple/")
        site.write_config(one)
        daemon.send_signal(signal.SIGHUP)
        until("it is not served any more", lambda: not is_served(f"{url}/second/simple/demo/"))
        assert is_served(f"{url}/simple/")
        until("it is let go", lambda: site.call("--config", site.config, "run", "--once").code == 0)
        second_config = second.base / "eggwatch.toml"
        second_config.write_text('[index.main]\ndrop = "drop"\npublic = "public"\nstate = "state"\n')
        until("its lock is free", lambda: site.call("--config", second_config, "run", "--once").code == 0)

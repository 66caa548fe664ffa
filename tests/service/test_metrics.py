"""Prometheus metrics of a real daemon: the textfile for node_exporter, and the endpoint."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from eggwatch import __version__
from tests.archive_factory import sdist
from tests.cli.program import Site
from tests.running import until

Values = dict[tuple[str, ...], float]


def parsed(text: str) -> Values:
    """Every sample by its name and its labels, sorted; two of the same name and labels would be an error."""
    values: Values = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation.endswith("."), family
        for sample in family.samples:
            key = (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items())))
            assert key not in values
            values[key] = sample.value
    return values


def asked(port: int) -> Values:
    """What the endpoint answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        assert answer.headers["content-type"].startswith("text/plain")
        return parsed(answer.read().decode())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty index that writes metrics."""
    return Site(tmp_path, metrics='"eggwatch.prom"')


def written(site: Site) -> Values:
    """What the textfile holds."""
    path = site.base / "eggwatch.prom"
    return parsed(path.read_text()) if path.exists() else {}


def test_the_textfile_tells_what_has_happened(site: Site) -> None:
    """Verdicts, flaws, latency, queue, disks, counts and versions, with the index as label."""
    put = time.time()
    site.put(sdist("demo", "1.0"))
    site.put(("broken-1.0.tar.gz", b"no archive at all" * 50))
    site.put(("cut-1.0.tar.gz", sdist("cut", "1.0")[1][:100]))
    begun = time.time()
    with site.daemon():
        values = until("ready", lambda: _with(written(site), "eggwatch_ready", 1.0))
        index = "index=main"
        assert values["eggwatch_up", index] == 1
        assert [key for key in values if key[0] == "eggwatch_build_info" and f"version={__version__}" in key]
        verdicts = {key[2]: value for key, value in values.items() if key[0] == "eggwatch_verdicts_total"}
        assert verdicts == {
            "verdict=admit": 1, "verdict=known": 0, "verdict=defer": 1, "verdict=reject": 1, "verdict=hold": 0,
        }  # fmt: skip
        flaws = {key: value for key, value in values.items() if key[0] == "eggwatch_flaws_total"}
        assert sum(value for key, value in flaws.items() if "level=refuse" in key) >= 1
        assert values["eggwatch_publish_latency_seconds_count", index] == 1
        assert values["eggwatch_publish_latency_seconds_bucket", index, "le=+Inf"] == 1
        assert 0 < values["eggwatch_publish_latency_seconds_sum", index] <= time.time() - put
        assert values["eggwatch_queue_length", index, "stage=unfinished"] == 1
        assert values["eggwatch_queue_length", index, "stage=in_hand"] == 0
        assert values["eggwatch_queue_oldest_age_seconds", index] == 0
        assert values["eggwatch_disk_free_bytes", "folder=public", index] > values["eggwatch_min_free_bytes", index]
        assert values["eggwatch_serial", index] == 2
        assert (values["eggwatch_projects", index], values["eggwatch_files", index]) == (1, 1)
        assert values["eggwatch_watching", index] == 1
        behind = "eggwatch_notifier_behind_events"  # a notifier's position is saved once a second
        until("all told", lambda: written(site).get((behind, index, "notifier=receipts")) == 0)
        assert begun - 2 < values["eggwatch_last_event_timestamp_seconds", index] <= time.time()
        assert ("eggwatch_verify_findings", index) not in values
    assert written(site)["eggwatch_up", index] == 0


def _with(values: Values, name: str, value: float) -> Values:
    return values if any(key[0] == name and found == value for key, found in values.items()) else {}


@pytest.mark.long
def test_an_upload_and_a_verify_show_in_the_textfile_within_seconds(site: Site) -> None:
    """A new verdict is written about a second later; what `verify` came to, before the file is 15 s old."""
    with site.daemon():
        until("ready", lambda: _with(written(site), "eggwatch_ready", 1.0))
        site.put(sdist("demo", "1.0"))
        until("the file", lambda: _with(written(site), "eggwatch_files", 1.0))
        site.call("verify")
        values = until("the findings", lambda: _with(written(site), "eggwatch_verify_findings", 0.0))
        assert time.time() - 60 < values["eggwatch_verify_last_timestamp_seconds", "index=main"] <= time.time()


def test_the_textfile_can_be_read_by_node_exporter_and_is_never_half_written(site: Site) -> None:
    """Mode 0644 whatever the umask, replaced by a rename: a new inode each time, and nothing left beside it."""
    inodes = set()
    with site.daemon(umask=0o077):
        for number in range(3):
            site.put(sdist("demo", f"{number}.0"))
            count = float(number + 1)
            until("a file more", lambda count=count: _with(written(site), "eggwatch_files", count))
            status = (site.base / "eggwatch.prom").stat()
            inodes.add(status.st_ino)
            assert stat.S_IMODE(status.st_mode) == 0o644
    assert len(inodes) > 1
    assert [name for name in os.listdir(site.base) if "prom" in name] == ["eggwatch.prom"]


def test_the_endpoint_answers_on_the_loopback_address(tmp_path: Path) -> None:
    """`run --metrics 0` needs no setting, and gives what the textfile would."""
    site = Site(tmp_path)
    with site.daemon("--metrics", "0") as daemon:
        port = int(daemon.wait_for(r"metrics at http://127\.0\.0\.1:(\d+)/metrics")[1])
        site.put(sdist("demo", "1.0"))
        values = until("the file", lambda: _with(asked(port), "eggwatch_files", 1.0))
        assert values["eggwatch_publish_latency_seconds_count", "index=main"] == 1
        assert values["eggwatch_last_beat_timestamp_seconds", "index=main"] > time.time() - 30
    with pytest.raises(OSError):
        asked(port)


def test_several_indexes_share_a_file_and_are_told_apart_by_their_label(tmp_path: Path) -> None:
    """Two indexes that name the same file write both into it; each series has its own label."""
    site = Site(tmp_path)
    for folder in ("drop-two", "drop-three"):
        (tmp_path / folder).mkdir()
    own = 'public = "public-{0}"\nstate = "state-{0}"\ndrop = "drop-{0}"\nmetrics = "eggwatch.prom"\n'
    site.write_config("".join(f"[index.{name}]\n{own.format(name)}" for name in ("two", "three")))
    with site.daemon():
        values = until("ready", lambda: _with(written(site), "eggwatch_ready", 1.0))
        assert {key[1] for key in values if key[0] == "eggwatch_up"} == {"index=two", "index=three"}


@pytest.mark.long
def test_a_file_that_can_not_be_written_is_a_fault_and_stops_nothing(site: Site) -> None:
    """`status` says why, uploads go on, and once the folder is there the file is, too."""
    site.settings["metrics"] = '"absent/eggwatch.prom"'
    site.write_config()
    with site.daemon() as daemon:
        site.put(sdist("demo", "1.0"))
        until("the upload", lambda: site.filenames("demo"))
        until("the fault", lambda: "metrics" in site.call("status", "--json").row["faults"])
        (site.base / "absent").mkdir()
        until("the file", (site.base / "absent" / "eggwatch.prom").exists)
        until("its end", lambda: "metrics" not in site.call("status", "--json").row["faults"])
        assert daemon.log.count("can't be written") == 1


def test_a_reload_takes_up_another_file(site: Site) -> None:
    """SIGHUP reads `metrics` again; the file that is no longer written says so."""
    with site.daemon() as daemon:
        until("the file", lambda: written(site))
        site.settings["metrics"] = '"other.prom"'
        site.write_config()
        daemon.send_signal(signal.SIGHUP)
        until("the other file", (site.base / "other.prom").exists)
        assert written(site)["eggwatch_up", "index=main"] == 0


def test_a_missing_library_is_told_with_the_line_that_installs_it(site: Site) -> None:
    """With the setting, or with --metrics: exit status 2; without them nothing is missed."""
    start = "from eggwatch.cli import main; main()"
    hide = "sys.modules['prometheus_client'] = None; import importlib.util as u; u.find_spec = (lambda real: lambda " \
        "name, *more: None if name == 'prometheus_client' else real(name, *more))(u.find_spec)\n"  # fmt: skip
    done = run_hidden(hide + start, "run", cwd=site.base)
    assert (done[0], "pip install eggwatch[metrics]" in done[1]) == (2, True), done
    assert "[index.main] metrics is set" in done[1]
    site.settings.pop("metrics")
    site.write_config()
    done = run_hidden(hide + start, "run", "--metrics", "0", cwd=site.base)
    assert (done[0], "pip install eggwatch[metrics]" in done[1]) == (2, True), done
    assert run_hidden(hide + start, "run", "--once", cwd=site.base)[0] == 0


def run_hidden(code: str, *arguments: str, cwd: Path) -> tuple[int, str]:
    """Run the program without the library."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def test_a_daemon_without_metrics_does_not_load_the_library() -> None:
    """The library costs a third of the start, so that only who wants metrics pays for it."""
    code = "import sys, eggwatch.cli.watching; assert 'prometheus_client' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:99999", ""])
def test_a_wrong_address_is_2(tmp_path: Path, address: str) -> None:
    """What is no [HOST:]PORT is told as that, by the name of the option."""
    site = Site(tmp_path)
    done = site.run("run", "--metrics", address)
    assert (done.code, "--metrics" in done.err) == (2, True)


def test_a_taken_port_is_2(tmp_path: Path) -> None:
    """A port that somebody else has: exit status 2, and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = Site(tmp_path).run("run", "--metrics", str(port))
    assert (done.code, "Choose another port" in done.err) == (2, True), done


def test_the_documentation_lists_every_metric(tmp_path: Path) -> None:
    """The table of docs/watching.rst has the names and types that a daemon gives, once each."""
    text = (Path(__file__).parents[2] / "docs" / "watching.rst").read_text()
    told = re.findall(r"^``(eggwatch_\w+)`` +(\w+)", text, re.MULTILINE)
    site = Site(tmp_path, metrics='"eggwatch.prom"')
    site.put(("broken-1.0.tar.gz", b"no archive at all" * 50))
    site.call("verify")
    with site.daemon():
        until("ready", lambda: _with(written(site), "eggwatch_ready", 1.0))
        site.call("verify")
        until("the findings", lambda: _with(written(site), "eggwatch_verify_findings", 0.0))
        families = list(text_string_to_metric_families((site.base / "eggwatch.prom").read_text()))
    given = [(one.name + ("_total" if one.type == "counter" else ""), one.type) for one in families]
    assert sorted(told) == sorted(given)
    named = set(re.findall(r"eggwatch_\w+", text)) - {"eggwatch_publish_latency_seconds_bucket"}
    assert named == {name for name, _ in told}

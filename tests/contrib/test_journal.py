"""A real journald: the fields of events, their priorities, and what the catalog says to a refusal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eggwatch.notifiers.journal import MESSAGE_IDS
from tests.archive_factory import sdist
from tests.contrib.booting import CLONE

pytestmark = [pytest.mark.root, pytest.mark.parts]

SYSTEMD = Path("/usr/lib/python3/dist-packages/systemd")
JOURNALD = Path("/lib/systemd/systemd-journald")

SCRIPT = r"""
set -eu
mount -t tmpfs none /run
mkdir -p /run/systemd/journal /run/log/journal "$BASE/catalog" "$BASE/database"
mkdir -p /usr/local/lib/systemd/catalog /var/lib/systemd/catalog
cp "$CLONE/contrib/systemd/eggwatch.catalog" "$BASE/catalog/"
mount --bind "$BASE/catalog" /usr/local/lib/systemd/catalog
mount --bind "$BASE/database" /var/lib/systemd/catalog
"$JOURNALD" & journald=$!
trap 'kill $journald' EXIT
for _ in $(seq 100); do [ -S /run/systemd/journal/stdout ] && break; sleep 0.05; done
cd "$BASE"
"$PYTHON" "$RUNNER" "$PYTHON" -m eggwatch run --once || true
journalctl --flush --sync >/dev/null 2>&1 || true
journalctl --update-catalog
journalctl --no-pager -o json EGGWATCH_EVENT=admitted + EGGWATCH_EVENT=rejected >admitted-and-rejected
journalctl --no-pager -o json SYSLOG_IDENTIFIER=eggwatch >all
journalctl --no-pager -x EGGWATCH_EVENT=rejected >explained
"""
RUNNER = """
import os, sys
from systemd import journal
stream = journal.stream("eggwatch")
status = os.fstat(stream.fileno())
os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
os.dup2(stream.fileno(), 2)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what was read from the journal after one publish and one refusal."""
    if not SYSTEMD.exists() or not JOURNALD.exists() or shutil.which("journalctl") is None:
        pytest.skip("journald or python3-systemd is not installed")
    base = tmp_path_factory.mktemp("journal")
    (base / "lib").mkdir()
    (base / "lib" / "systemd").symlink_to(SYSTEMD)
    environment = {**os.environ, "PYTHONPATH": f"{base / 'lib'}:{CLONE}"}
    if subprocess.run([sys.executable, "-c", "import systemd.journal"], env=environment, check=False).returncode:
        pytest.skip("the distribution's python3-systemd does not fit this Python")
    (base / "runner.py").write_text(RUNNER)
    (base / "drop").mkdir()
    name, data = sdist("demo")
    (base / "drop" / name).write_bytes(data)
    (base / "drop" / "junk-1.0-py3-none-any.whl").write_bytes(b"no archive" * 50)
    environment |= {"BASE": str(base), "CLONE": str(CLONE), "JOURNALD": str(JOURNALD)}
    environment |= {"PYTHON": sys.executable, "RUNNER": str(base / "runner.py")}
    done = subprocess.run(
        ["timeout", "60", "unshare", "-m", "--propagation", "private", "sh", "-c", SCRIPT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stderr
    return base


def entries(journal: Path, name: str) -> list[dict[str, Any]]:
    """What `journalctl -o json` has printed."""
    return [json.loads(line) for line in (journal / name).read_text().splitlines()]


def test_an_event_has_its_fields_and_its_message_id(journal: Path) -> None:
    admitted, rejected = sorted(entries(journal, "admitted-and-rejected"), key=lambda one: str(one["EGGWATCH_EVENT"]))
    expected = {
        "EGGWATCH_EVENT": "admitted",
        "EGGWATCH_INDEX": "default",
        "EGGWATCH_PROJECT": "demo",
        "EGGWATCH_VERSION": "1.0",
        "EGGWATCH_FILENAME": "demo-1.0.tar.gz",
        "EGGWATCH_UPLOADER": "root",
        "EGGWATCH_STAGE": "announce",
        "MESSAGE_ID": MESSAGE_IDS["admitted"],
        "SYSLOG_IDENTIFIER": "eggwatch",
        "PRIORITY": "6",
    }
    assert expected.items() <= admitted.items()
    assert len(admitted["EGGWATCH_SHA256"]) == 64
    assert (rejected["EGGWATCH_FLAWS"], rejected["PRIORITY"]) == ("not-a-zip", "5")
    assert rejected["MESSAGE_ID"] == MESSAGE_IDS["rejected"]


def test_the_catalog_explains_a_refusal_and_its_remedy(journal: Path) -> None:
    """`journalctl -x` has every flaw, who uploaded it, and where to read more."""
    text = (journal / "explained").read_text()
    assert "Subject: junk-1.0-py3-none-any.whl was refused" in text
    assert "uploaded by root" in text
    assert "Build it again with 'python -m build'" in text
    assert "eggwatch explain not-a-zip" in text


def test_each_stage_is_one_line_with_its_field(journal: Path) -> None:
    lines = [one for one in entries(journal, "all") if "demo-1.0.tar.gz" in str(one["MESSAGE"])]
    assert [one["EGGWATCH_STAGE"] for one in lines] == ["claim", "inspect", "judge", "admit", "announce"]

"""eggwatch wait: until it can be installed, or why not."""

from __future__ import annotations

import shutil

import pytest

from tests.archive_factory import sdist, wheel
from tests.cli.conftest import BROKEN
from tests.cli.program import Site
from tests.running import until

OTHER_BYTES = sdist("demo", "1.0", files={"other.py": b"x = 1\n"})


@pytest.mark.parametrize("spec", ["demo", "Demo", "demo==1.0", "demo==1.0.0", "demo-1.0.tar.gz", "demo==2", "other"])
def test_what_is_published_is_there_at_once(filled: Site, spec: str) -> None:
    """A project, a version (however it is spelled) or a filename that is on its page: exit status 0."""
    done = filled.call("wait", spec, "--timeout", "0")
    assert (done.code, "installable" in done.out) == (0, True)


@pytest.mark.parametrize("spec", ["absent", "demo==9.9", "demo-9.9.tar.gz", "absent==1.0"])
def test_what_nobody_knows_is_waited_for(filled: Site, spec: str) -> None:
    """Nothing known yet: it waits, and gives up with 4. With --timeout 0 it looks once."""
    assert filled.call("wait", spec, "--timeout", "0").code == 4
    done = filled.call("wait", spec, "--timeout", "150ms")
    assert (done.code, done.out) == (4, "")
    assert spec in done.err


@pytest.mark.parametrize("spec", ["broken==1.0", BROKEN[0], "broken"])
def test_a_refusal_is_1_with_its_reasons(filled: Site, spec: str) -> None:
    """What was refused will never come by itself: exit status 1 and every reason."""
    done = filled.call("wait", spec, "--timeout", "0")
    assert done.code == 1
    assert "rejected at" in done.out and "not-a-gzip" in done.out


def test_json_tells_what_was_refused(filled: Site) -> None:
    """`wait --json`: schema, what, installable, text and the event."""
    row = filled.call("wait", "broken", "--json").row
    assert row.keys() == {"schema", "what", "installable", "text", "event"}
    assert (row["what"], row["installable"], row["event"]["filename"]) == ("broken", False, BROKEN[0])
    assert filled.call("wait", "demo", "--json").row["event"] is None


def test_a_file_is_meant_by_its_bytes(filled: Site) -> None:
    """A path, or the name of a file that is there, is installable only if these very bytes are published."""
    same, different = filled.build(sdist("demo", "1.0")), filled.build(OTHER_BYTES, "changed")
    assert filled.call("wait", same, "--timeout", "0").code == 0
    assert filled.call("wait", "dist/demo-1.0.tar.gz", "--timeout", "0").code == 0
    assert filled.call("wait", different, "--timeout", "0").code == 4
    shutil.copy(different, filled.base)
    assert filled.call("wait", "demo-1.0.tar.gz", "--timeout", "0").code == 4


def test_a_refused_file_is_known_by_its_bytes(filled: Site) -> None:
    """The refusal of other bytes under this name is no answer for this file; that of its own bytes is."""
    different = filled.build(OTHER_BYTES, "changed")
    filled.put(OTHER_BYTES)
    assert filled.call("run", "--once").code == 1
    done = filled.call("wait", different, "--timeout", "0")
    assert (done.code, "file-exists" in done.out) == (1, True)
    assert filled.call("wait", filled.build(sdist("demo", "1.0")), "--timeout", "0").code == 0
    assert filled.call("wait", filled.build(sdist("demo", "1.0", files={}), "third"), "--timeout", "0").code == 4


def test_of_one_name_the_latest_event_decides(filled: Site) -> None:
    """A rebuilt file was refused after the first one was published: that is the answer on its name."""
    filled.put(OTHER_BYTES)
    assert filled.call("run", "--once").code == 1
    done = filled.call("wait", "demo-1.0.tar.gz", "--timeout", "0")
    assert (done.code, "file-exists" in done.out) == (1, True), done
    filled.put(sdist("demo", "1.0"))
    assert filled.call("wait", "demo==1.0", "--timeout", "0").code == 1  # pending


def test_a_refused_file_is_still_known_after_another_refusal_of_its_name(filled: Site) -> None:
    """A file is meant by its bytes, whatever else came under that name."""
    for data in (OTHER_BYTES, sdist("demo", "1.0", files={"third.py": b"x = 3\n"})):
        filled.put(data)
        assert filled.call("run", "--once").code == 1
    done = filled.call("wait", filled.build(OTHER_BYTES, "changed"), "--timeout", "0")
    assert (done.code, "file-exists" in done.out) == (1, True), done


def test_a_version_is_there_when_one_of_its_files_was_refused_later(filled: Site) -> None:
    """`project==version` is installable while one file of it is on the page, whatever else was refused."""
    filled.put(("demo-1.0-py2-none-any.whl", b"nothing"))
    assert filled.call("run", "--once").code == 1
    assert filled.call("wait", "demo==1.0", "--timeout", "0").code == 0
    assert filled.call("wait", "demo-1.0-py2-none-any.whl", "--timeout", "0").code == 1


def test_a_removed_file_is_waited_for(filled: Site) -> None:
    """What was removed is not there, and may return."""
    assert filled.call("remove", "other").code == 0
    assert filled.call("wait", "other", "--timeout", "0").code == 4


@pytest.mark.parametrize("timeout", ["0", "5s"])
def test_pending_without_a_daemon_is_1(filled: Site, timeout: str) -> None:
    """Something pending, and nobody at work on it: exit status 1 and a sentence that says so."""
    filled.put(sdist("demo", "3.0"))
    for spec in ("demo==3.0", "demo-3.0.tar.gz"):
        done = filled.call("wait", spec, "--timeout", timeout)
        assert (done.code, "no daemon" in done.out) == (1, True), done


def test_a_newer_file_of_a_name_stands_before_its_refusal(filled: Site) -> None:
    """A refused name that lies in the drop folder again is not refused yet: its new bytes are pending."""
    filled.put(("broken-1.0.tar.gz", sdist("broken")[1]))
    done = filled.call("wait", "broken==1.0", "--timeout", "0")
    assert (done.code, "no daemon" in done.out) == (1, True), done
    assert filled.call("run", "--once").code == 0
    assert filled.call("wait", "broken==1.0", "--timeout", "0").code == 0


def test_a_version_is_not_there_while_a_file_of_it_is_pending(filled: Site) -> None:
    """`project==version` waits for the file that just came, so that all of a release can be installed."""
    filled.put(wheel("demo", "2.0"))
    assert filled.call("wait", "demo==2.0", "--timeout", "0").code == 1
    assert filled.call("wait", "demo==1.0", "--timeout", "0").code == 0


def test_with_a_daemon_it_waits_until_the_page_is_visible(site: Site) -> None:
    """Begun before the upload, it ends when the file can be installed."""
    with site.daemon():
        waiting = site.start("wait", "demo==1.0", "--timeout", "30s")
        site.put(sdist())
        out, err = waiting.communicate(timeout=40)
        assert (waiting.returncode, "installable" in out, err) == (0, True, "")
        assert site.filenames("demo") == ["demo-1.0.tar.gz"]


def test_with_a_daemon_it_tells_a_refusal(site: Site) -> None:
    """Begun before the upload, it ends with the refusal."""
    with site.daemon():
        waiting = site.start("wait", BROKEN[0], "--timeout", "30s")
        site.put(BROKEN)
        out, _ = waiting.communicate(timeout=40)
        assert (waiting.returncode, "not-a-gzip" in out) == (1, True)


def test_with_a_daemon_an_unfinished_upload_is_waited_for(site: Site) -> None:
    """Half an archive is neither there nor refused while a daemon waits for its end: exit status 4."""
    name, data = sdist()
    with site.daemon():
        site.put((name, data[: len(data) // 2]))
        until("it was read", lambda: site.call("status", "--json").row["unfinished"])
        assert site.call("wait", name, "--timeout", "300ms").code == 4
        site.put((name, data))
        assert site.call("wait", name, "--timeout", "20s").code == 0


def test_each_of_several_is_answered_within_one_time(filled: Site) -> None:
    """1 if one was rejected, else 4 if the time was up for one; the others are answered nevertheless."""
    assert filled.call("wait", "demo==1.0", "other").code == 0
    done = filled.call("wait", "absent", "broken", "demo", "--timeout", "0")
    assert (done.code, "absent" in done.err, "rejected at" in done.out, "demo: installable" in done.out) == (
        1,
        *[True] * 3,
    )
    done = filled.call("wait", "absent", "demo", "--timeout", "0", "--json")
    assert [(row["what"], row["installable"]) for row in done.rows] == [("absent", None), ("demo", True)]
    assert (done.code, done.err) == (4, "")


@pytest.mark.parametrize("what", ["demo==not a version", "--", "dist/absent-1.0.tar.gz", "a b", ""])
def test_what_means_nothing_is_2(filled: Site, what: str) -> None:
    """No spec and no file: a usage error."""
    done = filled.call("wait", what)
    assert (done.code, done.out) == (2, "")

"""eggwatch check: local files, judged alone."""

from __future__ import annotations

import pytest

from eggwatch.cli.output import Ticker
from tests.archive_factory import sdist, wheel
from tests.cli.program import Site


def test_a_sound_archive_is_admitted(place: Site) -> None:
    """A sound wheel and sdist: one line each, exit status 0."""
    files = [place.build(wheel()), place.build(sdist())]
    done = place.call("check", *files)
    assert (done.code, done.out, done.err) == (0, "".join(f"{file}: admit\n" for file in files), "")


def test_json_has_exactly_the_keys_of_the_contract(place: Site) -> None:
    """`check --json` prints one object a file: schema, file as typed, verdict, and flaws of four keys."""
    place.build(wheel(), "dist")
    place.build(("demo-2.0-py3-none-any.whl", b"no zip"), "dist")
    done = place.call("check", "--json", "dist/demo-1.0-py3-none-any.whl", "./dist/../dist/demo-2.0-py3-none-any.whl")
    good, bad = done.rows
    assert good == {"schema": 1, "file": "dist/demo-1.0-py3-none-any.whl", "verdict": "admit", "flaws": []}
    assert bad.keys() == {"schema", "file", "verdict", "flaws"}
    assert (bad["file"], bad["verdict"]) == ("./dist/../dist/demo-2.0-py3-none-any.whl", "reject")
    assert bad["flaws"]
    for flaw in bad["flaws"]:
        assert flaw.keys() == {"code", "level", "subject", "message"}
        assert flaw["level"] in ("refuse", "warn")
    assert done.code == 1


@pytest.mark.parametrize("build", [wheel, sdist])
def test_a_truncated_file_is_a_reject_with_code_incomplete(place: Site, build: object) -> None:
    """What the daemon would wait for, `check` can only refuse: the code says that the end is missing."""
    name, data = build()  # type: ignore[operator]
    for size in (0, 1, len(data) // 2, len(data) - 1):
        file = place.build((name, data[:size]))
        (row,) = place.call("check", "--json", file).rows
        assert row["verdict"] == "reject"
        assert "incomplete" in [flaw["code"] for flaw in row["flaws"]], size


def test_warnings_alone_admit(place: Site) -> None:
    """A flaw of level warn is told, and the file is admitted."""
    file = place.build(("Demo-1.0-py3-none-any.whl", wheel("Demo")[1]))
    (row,) = place.call("check", "--json", file).rows
    assert row["verdict"] == "admit"
    assert {flaw["level"] for flaw in row["flaws"]} == {"warn"}


def test_one_bad_file_among_good_ones_is_1(place: Site) -> None:
    """Every file gets its verdict; the exit status is 1 if any is refused."""
    good, bad = place.build(sdist()), place.build(("demo-9.tar.gz", b"nothing"))
    done = place.call("check", good, bad, good)
    assert done.code == 1
    assert done.out.count(": admit\n") == 2 and done.out.count(": reject\n") == 1


@pytest.mark.parametrize("name", ["notes.txt", "demo.zip", "demo.exe", ".demo-1.0.tar.gz", "demo-1.0.tar.gz.part"])
def test_what_is_no_upload_is_rejected_by_its_name(place: Site, name: str) -> None:
    """A file that the drop folder would not take is a reject that says why."""
    (row,) = place.call("check", "--json", place.build((name, sdist()[1]))).rows
    assert (row["verdict"], row["flaws"][0]["code"]) == ("reject", "filename-format")
    assert row["flaws"][0]["message"]


def test_a_second_copy_is_named_as_such(place: Site) -> None:
    """`demo-1.0 (1).tar.gz` is refused with the name that it should have."""
    (row,) = place.call("check", "--json", place.build(("demo-1.0 (1).tar.gz", sdist()[1]))).rows
    assert [flaw["code"] for flaw in row["flaws"]] == ["filename-copy"]
    assert "demo-1.0.tar.gz" in row["flaws"][0]["message"]


@pytest.mark.parametrize("name", ["demo-1.0-py3-none-\x1b[31m.whl", "demo-1.0-py3-none-a\nny.whl", "démo-1.0.tar.gz"])
def test_a_name_with_strange_characters_is_refused(place: Site, name: str) -> None:
    """Control characters and letters that no project name may have are refused wherever they stand."""
    done = place.call("check", "--json", place.build((name, wheel()[1] if name.endswith("whl") else sdist()[1])))
    assert done.code == 1
    assert "\x1b" not in done.out


def test_a_name_over_200_bytes_is_refused(place: Site) -> None:
    """A name of 240 bytes gets its own code, and is shortened where it is shown."""
    (row,) = place.call("check", "--json", place.build(("d" * 233 + "-1.0.tar.gz"[:11], sdist()[1]))).rows
    assert "filename-too-long" in [flaw["code"] for flaw in row["flaws"]]


def test_a_missing_file_is_2(place: Site) -> None:
    """Files that are not there are named all at once, and nothing is judged."""
    good = place.build(sdist())
    done = place.call("check", good, "absent-1.0.tar.gz", "gone.whl")
    assert (done.code, done.out) == (2, "")
    assert "absent-1.0.tar.gz" in done.err and "gone.whl" in done.err


def test_it_looks_at_the_archive_alone(filled: Site) -> None:
    """Other bytes under a published name are sound for `check`: only the index knows that the name is taken."""
    file = filled.build(sdist("demo", "1.0", files={"other.py": b""}))
    assert filled.call("check", file).code == 0


def test_it_writes_nothing(place: Site) -> None:
    """`check` leaves no file behind, whatever it finds."""
    place.build(sdist())
    before = sorted(place.base.rglob("*"))
    place.call("check", "dist/demo-1.0.tar.gz")
    assert sorted(place.base.rglob("*")) == before


def test_progress_is_cleared_before_the_next_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With blanks: a terminal that is dumb would show an escape as it is."""
    monkeypatch.setattr(Ticker, "PAUSE", 0.0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    ticker = Ticker("checked", total=2)
    ticker("demo")
    ticker.done()
    ticker.done()
    assert capsys.readouterr().err == "\rchecked: 1 of 2\r               \r"

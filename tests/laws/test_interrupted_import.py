"""An import killed at any of its changes of the disk, and given again: nothing doubled, nothing lost, an equal end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eggwatch.maintenance import import_stock
from eggwatch.maintenance.import_stock import Import, Stock
from eggwatch.maintenance.verify import Verification
from eggwatch.store.stock import Way
from eggwatch.writer.index import open_index
from tests.archive_factory import sdist, wheel
from tests.laws.at_work import IndexAtWork, InlineInspectors
from tests.laws.killing import killed

STRIDE = 9
"""Every so manieth change of the disk is tried, each time another one of them."""


def lay_out(base: Path) -> IndexAtWork:
    """An empty index, and a stock of four good archives with times of their own, and a bad one."""
    archives = [wheel("alpha", "1.0"), sdist("alpha", "1.0"), wheel("beta", "2.0"), sdist("gamma", "3.0")]
    records = []
    (base / "stock").mkdir(parents=True)
    for number, (filename, data) in enumerate([*archives, ("bad-1.0.tar.gz", b"junk" * 200)]):
        (base / "stock" / filename).write_bytes(data)
        records.append({"filename": filename, "upload-time": f"2020-01-0{number + 1}T00:00:00Z"})
    (base / "stock" / "times.json").write_text(json.dumps({"files": records}))
    return IndexAtWork(base / "index")


def do_import(site: IndexAtWork, stock: Path, way: Way) -> list[tuple[str, str]]:
    """What the command does, with inspectors in this process; answers with (filename, verdict)."""
    index = open_index(site.config, inspectors=InlineInspectors, now=lambda: site.now)
    pipeline = index.pipeline
    seen = Stock([stock], site.config.formats, now=site.now)
    seen.survey(lambda _: None)
    outcomes = list(Import(pipeline, seen, way=way, by_mtime=False).run())
    pipeline.finish()
    index.close()
    return [(outcome.path.name, outcome.verdict) for outcome in outcomes]


def published(site: IndexAtWork) -> dict[str, dict[str, object]]:
    """Every file on a page, as the page shows it."""
    found = {}
    for page in sorted((site.config.public / "simple").glob("*/index.v1_json")):
        found |= {file["filename"]: file for file in json.loads(page.read_bytes())["files"]}
    return found


@pytest.mark.long
@pytest.mark.parametrize("way", list(Way))
def test_an_import_goes_on_after_a_kill_at_any_step(base: Path, monkeypatch: pytest.MonkeyPatch, way: Way) -> None:
    """Whenever it is killed: every archive lies in the stock or in the index, and the second run ends as one alone."""
    monkeypatch.setattr(import_stock, "GROUP", 2)
    whole = lay_out(base / "whole")
    do_import(whole, base / "whole/stock", way)
    wanted, moment, kills = published(whole), 0, 0
    assert len(wanted) == 4
    while True:
        place = base / str(moment)
        site, stock = lay_out(place), place / "stock"
        originals = {path.name: path.read_bytes() for path in stock.iterdir()}
        if not killed(lambda site=site, stock=stock: do_import(site, stock, way), moment):
            break
        lying = [path for folder in (stock, site.config.public) for path in folder.rglob("*") if path.is_file()]
        assert originals.items() <= {path.name: path.read_bytes() for path in lying}.items() or way is Way.MOVE
        assert set(originals.values()) <= {path.read_bytes() for path in lying}
        do_import(site, stock, way)
        assert published(site) == wanted
        names = [event["filename"] for event in site.events()]
        assert sorted(names) == sorted(wanted)
        assert Verification(site.config).run() == []
        assert not list((site.config.public / ".eggwatch").glob("*.bytes"))
        assert "bad-1.0.tar.gz" in {path.name for path in stock.iterdir()}
        assert way is not Way.MOVE or not {path.name for path in stock.iterdir()} & wanted.keys()
        moment, kills = moment + STRIDE, kills + 1
    assert kills > 15


def test_what_was_under_way_is_finished_by_the_next_start(base: Path) -> None:
    """A claim of a stock that a kill left in the spool is taken up by the daemon's recovery, with its own time."""
    site = lay_out(base)
    for moment in range(20, 200):
        assert killed(lambda: do_import(site, base / "stock", Way.COPY), moment)
        if list((site.config.public / ".eggwatch").glob("*.json")):
            break
    with site:
        assert site.index is not None
        site.index.pipeline.recover()
        site.work()
    assert published(site).items() and {event["event"] for event in site.events()} == {"imported"}
    assert all(str(file["upload-time"]).startswith("2020-01-0") for file in published(site).values())
    assert not list((site.config.drop / "receipts").iterdir())

"""PUBLIC/rules/: a page made from the same texts as `eggwatch explain`, with the weights of this index."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from unittest import mock

import pytest

from eggwatch.maintenance.verify import Verification
from eggwatch.policy.rules import CHAPTERS, RULES, Profile, Weight
from eggwatch.policy.terms import Terms
from tests.archive_factory import wheel
from tests.laws.at_work import IndexAtWork, assert_equals_fresh_render, stamps_of

PATH = "rules/index.html"


class Anchors(HTMLParser):
    """The ids of a page, in their order, and the texts of the cells that say a weight."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.weights: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "section":
            self.ids.append(values["id"] or "")
        if tag == "dd" and values.get("class"):
            self.weights[self.ids[-1]] = values["class"] or ""


def page_of(work: IndexAtWork) -> Anchors:
    """The page as it is published."""
    return Anchors((work.config.public / PATH).read_text())


def test_every_rule_can_be_linked_by_its_code(tmp_path: Path) -> None:
    """In the order of the documentation, from the first moment on; and the page equals a fresh render."""
    with IndexAtWork(tmp_path) as work:
        work.work()
        assert page_of(work).ids == [rule.code for rules in CHAPTERS.values() for rule in rules]
        assert_equals_fresh_render(work.config)
        assert 'href="rules/index.html"' in (work.config.public / "index.html").read_text()


@pytest.mark.parametrize("profile", list(Profile))
def test_the_weights_are_those_of_this_index(tmp_path: Path, profile: Profile) -> None:
    """The profile's, but where the configuration says otherwise; fixed rules always refuse."""
    terms = Terms(profile=profile, rules={"zip-comment": Weight.OFF, "zip-unsafe-path": Weight.OFF})
    with IndexAtWork(tmp_path, terms=terms) as work:
        work.work()
        weights = page_of(work).weights
    assert weights["zip-comment"] == "off" and weights["zip-unsafe-path"] == "always"
    others = [rule for rule in RULES.values() if not rule.fixed and rule.code != "zip-comment"]
    assert {rule.code: weights[rule.code] for rule in others} == {r.code: str(r.weight(profile)) for r in others}


def test_another_configuration_changes_the_page_and_no_other(tmp_path: Path) -> None:
    """A page whose content did not change keeps inode and mtime; `verify` takes what is published for what is right."""
    with IndexAtWork(tmp_path) as work:
        work.upload(*wheel("demo", "1.0"))
        before = stamps_of(work.config.public)
        work.close()
        work.open()
        work.work()
        assert stamps_of(work.config.public) == before
        old = work.config
        work.close()
        work.config = replace(old, terms=Terms(profile=Profile.STRICT))
        assert Verification(work.config).run() == [], "no daemon has read of it yet"
        work.open()
        work.work()
        after = stamps_of(work.config.public)
        assert {path for path in after if after[path] != before[path]} == {PATH}
        assert_equals_fresh_render(work.config)


def test_other_texts_after_an_upgrade_make_the_page_anew(tmp_path: Path) -> None:
    """Without anything else having changed."""
    with IndexAtWork(tmp_path) as work:
        work.work()
        work.close()
        rule = replace(RULES["zip-crc"], why="Because of tests.")
        zips = tuple(rule if one.code == rule.code else one for one in CHAPTERS["Zip"])
        with mock.patch.dict(RULES, {"zip-crc": rule}), mock.patch.dict(CHAPTERS, {"Zip": zips}):
            work.open()
            work.work()
            assert "Because of tests." in (work.config.public / PATH).read_text()


def test_a_lost_page_is_found(tmp_path: Path) -> None:
    """By `verify`, as any other page."""
    with IndexAtWork(tmp_path) as work:
        work.work()
        (work.config.public / PATH).unlink()
        (finding,) = Verification(work.config).run()
        assert (finding.where, finding.problem) == (str(work.config.public / PATH), "is missing")


@pytest.mark.parametrize("url", ["https://packages.example.com", None])
def test_reasons_and_receipts_link_the_rule(tmp_path: Path, url: str | None) -> None:
    """Where somebody has said at which URL the index is; uploaders have no `eggwatch explain`."""
    with IndexAtWork(tmp_path, url=url) as work:
        work.upload("demo-1.0-py3-none-any.whl", b"no zip")
        answers = [*work.config.drop.glob("receipts/*.txt"), *work.config.drop.glob("rejected/*.reason.txt")]
        linked = ["https://packages.example.com/rules/#not-a-zip" in path.read_text() for path in answers]
        assert linked == [url is not None] * 2
        (reason,) = work.config.drop.glob("rejected/*.reason.json")
        assert json.loads(reason.read_text())["rules_url"] == (url and "https://packages.example.com/rules/")

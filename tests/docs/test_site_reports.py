"""docs/accessibility.rst has the reports of each kind of page that the site has."""

from __future__ import annotations

import pytest

from docs.site_reports import FOUND, LOOKS, PAGE
from tests.site.sample import MACHINES, PAGES

TEXT = PAGE.read_text("utf-8")


def rows(chapter: str) -> dict[str, list[str]]:
    """Those of the table in a chapter, by their first cell."""
    table = TEXT.partition(f"\n{chapter}\n---")[2].partition("\n---")[0]
    cells = [one.split("\n     - ") for one in table.split("\n   * - ")[2:]]
    return {first: [cell.partition("\n")[0] for cell in more] for first, *more in cells}


def test_no_kind_of_page_breaks_a_rule_of_axe_in_any_look() -> None:
    """`python -m docs.site_reports` looks at them all; a kind that was added since is missed here."""
    reports = rows("WCAG 2.2 AA")
    assert [*reports] == [*PAGES, FOUND]
    for kind, cells in reports.items():
        counts = [list(map(int, cell.split(", "))) for cell in cells]
        assert len(counts) == len(LOOKS) and all(passed > 20 for passed, _, _ in counts), kind
        assert [violations for _, violations, _ in counts] == [0] * len(LOOKS), kind
        assert [left for (width, _), (_, _, left) in zip(LOOKS, counts, strict=True) if width == 1280] == [0, 0], kind


def test_no_kind_of_page_is_invalid() -> None:
    validity = rows("HTML")
    assert [*validity] == [*PAGES, *MACHINES]
    assert {cell for cells in validity.values() for cell in cells} == {"0", "-"}
    assert [kind for kind, cells in validity.items() if "-" in cells] == ["hostile project"]


def test_each_checker_has_found_the_fault_that_was_made_for_it() -> None:
    faults = rows("What they would find")
    assert [*faults] == ["axe-core", "html5lib", "Nu", "feedparser"]
    assert all(int(found.partition(" ")[0]) > 0 for _, found in faults.values())


def test_the_page_of_the_reports_is_sound() -> None:
    """docutils finds no fault with it."""
    docutils = pytest.importorskip("docutils.core")
    docutils.publish_string(
        TEXT.replace(":doc:`site`", "the guide"), settings_overrides={"report_level": 2, "halt_level": 2}
    )

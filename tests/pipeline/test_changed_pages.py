"""When a page that has changed is rendered: at once, or once for several archives of its project."""

from __future__ import annotations

from eggwatch.pipeline.changed_pages import LONGEST_HOLD, ChangedPages


def changed(*projects: str) -> ChangedPages:
    """These have changed, one a second, from 0 on."""
    pages = ChangedPages()
    for now, project in enumerate(projects):
        pages.add(project, now=float(now))
    return pages


def test_a_page_is_rendered_at_once_where_nothing_more_of_its_project_is_under_way() -> None:
    pages = changed("b", "a")
    assert pages.take(lambda _: False, now=1.0) == ["a", "b"]
    assert len(pages) == 0
    assert pages.next_due() is None


def test_a_page_waits_for_more_archives_of_its_project_that_are_under_way() -> None:
    pages = changed("demo")
    pages.add("other", now=0.0)
    assert pages.take(lambda project: project == "demo", now=0.1) == ["other"]
    assert "demo" in pages
    assert pages.take(lambda _: False, now=0.2) == ["demo"]


def test_a_page_waits_for_a_moment_only_counted_from_its_first_change() -> None:
    pages = changed("demo", "demo")
    assert pages.next_due() == LONGEST_HOLD
    assert pages.take(lambda _: True, now=LONGEST_HOLD / 2) == []
    assert pages.take(lambda _: True, now=LONGEST_HOLD) == ["demo"]


def test_at_a_stop_no_page_waits() -> None:
    pages = changed("b", "a")
    assert pages.take_all() == ["a", "b"]
    assert pages.take_all() == []

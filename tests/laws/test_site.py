"""The site's pages of projects, from an upload in the drop folder to what a browser would show."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest

from eggwatch.config.settings import Site
from eggwatch.maintenance.verify import Verification
from eggwatch.pipeline import site_pages
from eggwatch.writer.orders import carry_out
from tests.archive_factory import sdist, wheel
from tests.laws.at_work import IndexAtWork, assert_equals_fresh_render, stamps_of

MARKUP = "<script>alert(1)</script><style>*{display:none}</style><a href='javascript:alert(1)' onclick='x()'>\"'&"
README = """# A <b>title</b>

<script>alert(2)</script> <style>body{display:none}</style> <p style="color:red" class="notice" onclick="x()">text</p>
![badge](https://elsewhere.example.com/badge.svg) [run](javascript:alert(3)) [there](#a-title) [home](https://example.com/)
<span class="tag bar">yanked</span>
<iframe src="https://example.com/"></iframe> <form action="https://example.com/"><input name=q></form>
"""
HOSTILE = (
    f"Description-Content-Type: text/markdown\nAuthor: {MARKUP}\nLicense: {MARKUP}\nKeywords: {MARKUP}\n"
    f"Home-page: javascript:alert(4)\nProject-URL: {MARKUP}, https://example.com/{MARKUP}\n"
    f"Download-URL: data:text/html,{MARKUP}\nClassifier: Private :: {MARKUP}\n"
)
RULES = {"unknown-classifier": "off"}
LEGACY = ("pypi/demo/1.0/json", "pypi/demo/json")


class Elements(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def shown(work: IndexAtWork, path: str) -> str:
    return (work.config.public / path).read_text()


def broken_links(public: Path) -> list[str]:
    """Links of pages of the site, those for programs among them, that lead to no file of the tree."""
    broken = []
    for path in [public / "index.html", *public.glob("project*/**/*.html")]:
        for _, attributes in Elements(path.read_text()).found:
            link = attributes.get("href") or attributes.get("src") or "#"
            if not re.match(r"#|https?:|mailto:|data:", link) and not (path.parent / link.partition("?")[0]).is_file():
                broken.append(f"{path.relative_to(public)}: {link}")
    for path in public.glob("pypi/**/json"):
        page = json.loads(path.read_bytes())
        urls = [file["url"] for files in (page["urls"], *page.get("releases", {}).values()) for file in files]
        broken += [f"{path.relative_to(public)}: {url}" for url in urls if not (path.parent / url).is_file()]
    return broken


def described(name: str, version: str, readme: str, fields: str = "") -> tuple[str, bytes]:
    """A wheel with a description in Markdown."""
    return wheel(name, version, metadata_extra=f"Description-Content-Type: text/markdown\n{fields}\n{readme}")


def test_a_release_is_shown_with_its_readme_files_and_dependencies_and_all_links_resolve(tmp_path: Path) -> None:
    """Of a wheel and of an sdist; a dependency is linked as soon as it is in the index."""
    with IndexAtWork(tmp_path) as work:
        work.upload(*described("demo", "1.0", "# Hello\n\n*world*", "Requires-Dist: other>=1; extra == 'x'\n"))
        assert "project/other" not in shown(work, "project/demo/index.html")
        work.upload(*sdist("other", "2.0", metadata_extra="Keywords: one,two\n"))
        page = shown(work, "project/demo/index.html")
        assert "<em>world</em>" in page and "demo-1.0-py3-none-any.whl" in page
        assert '<a href="../../project/other/index.html">other</a>' in page
        assert "A description of other." in shown(work, "project/other/2.0/index.html")
        assert '<a href="../../search/index.html?q=two"' in shown(work, "project/other/index.html")
        assert broken_links(work.config.public) == []
        assert_equals_fresh_render(work.config)


def test_a_hostile_package_brings_no_script_style_or_foreign_element(tmp_path: Path) -> None:
    """Whatever its fields and its README say, its page has our own elements, and loads only our own files."""
    with IndexAtWork(tmp_path, contact=MARKUP) as work:
        work.upload(*wheel("demo", "1.0", metadata_extra=f"{HOSTILE}\n{README}"))
        assert [event["event"] for event in work.events()] == ["admitted"]
        work.order("yank", "demo==1.0", MARKUP)
        for path in ("project/demo/index.html", "project/demo/1.0/index.html", "index.html", "projects/index.html"):
            for tag, attributes in Elements(shown(work, path)).found:
                assert tag not in ("style", "iframe", "object", "embed", "base")
                assert tag != "form" or (path, attributes.get("action")) == ("index.html", "search/index.html")
                assert not [name for name in attributes if name.startswith("on") or name == "style"], (path, tag)
                assert re.match(
                    r"\.|#|https?://|project|projects|simple|rules|static|index|search|history|feeds|data:,$",
                    attributes.get("href") or "#",
                )
                if tag in ("script", "link", "img"):
                    assert "://" not in (attributes.get("src") or attributes.get("href") or "")
            assert shown(work, path).count("<script") == 1
        page = shown(work, "project/demo/index.html")
        assert 'class="notice" onclick' not in page and "<span>yanked</span>" in page
        assert 'rel="nofollow noopener noreferrer"></a>' not in page, "a link without a name"
        assert_equals_fresh_render(work.config)


def test_an_upload_rewrites_the_pages_of_its_project_and_its_own_release_only(tmp_path: Path) -> None:
    """The pages of older releases keep their inode; what was yanked says so, and what was removed keeps a page."""
    with IndexAtWork(tmp_path) as work:
        work.upload(*wheel("demo", "1.0"))
        before = stamps_of(work.config.public)
        work.upload(*wheel("demo", "2.0"))
        after = stamps_of(work.config.public)
        for kept, changed in (("project/demo/1.0/index.html", "project/demo/index.html"), LEGACY):
            assert before[kept] == after[kept] and before[changed] != after[changed]
        work.order("yank", "demo==2.0", "breaks on Tuesdays")
        assert "breaks on Tuesdays" in shown(work, "project/demo/2.0/index.html")
        work.order("remove", "demo==1.0")
        assert "This release was removed" in shown(work, "project/demo/1.0/index.html")
        assert ".whl" not in shown(work, "project/demo/1.0/index.html")
        assert broken_links(work.config.public) == []
        assert_equals_fresh_render(work.config)


def test_front_pages_do_not_wait_for_a_slice_of_projects_that_take_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one such project it is their turn."""
    monkeypatch.setattr(site_pages, "LONGEST_SLICE", 0.0)
    with IndexAtWork(tmp_path) as work:
        work.put(*wheel("demo", "1.0"))
        work.put(*wheel("other", "1.0"))
        assert work.index is not None
        pipeline = work.index.pipeline
        while len(pipeline.components.catalog.site.stale()) < 2:
            pipeline.round(wait=0.05)
        pipeline.components.front.step(is_quiet=True)
        assert len(pipeline.components.catalog.site.stale()) == 1
        work.work()
        assert_equals_fresh_render(work.config)


def test_what_a_killed_writer_left_undone_of_the_site_is_done_at_the_next_start(tmp_path: Path) -> None:
    """The upload is published without it, and `verify` calls no damage what is to follow."""
    with IndexAtWork(tmp_path) as work:
        work.put(*wheel("demo", "1.0"))
        assert work.index is not None
        pipeline = work.index.pipeline
        while not (work.config.public / "simple/demo/index.html").exists():
            pipeline.round(wait=0.05)
        pipeline.components.front.finish()
        assert Verification(work.config).run() == []
        work.index.abandon()
        work.open()
        work.work()
        assert "demo" in shown(work, "project/demo/1.0/index.html")
        assert_equals_fresh_render(work.config)


def test_front_pages_that_are_to_follow_those_of_the_projects_are_no_damage(tmp_path: Path) -> None:
    """Neither `index.html`, which an index has once all of its projects have their pages, nor the lists."""
    with IndexAtWork(tmp_path) as work:
        work.put(*wheel("demo", "1.0"))
        assert work.index is not None
        pipeline = work.index.pipeline
        while not (work.config.public / "simple/demo/index.html").exists():
            pipeline.round(wait=0.05)
        front = pipeline.components.front
        front.finish()
        while front.site_is_stale():
            front.step(is_quiet=True)  # within its pause, the front is not rendered again
        assert Verification(work.config).run() == []


@pytest.mark.parametrize(
    ("name", "fault", "told"),
    [
        ("front.html", "{{ nothing.x }}", "'nothing' is undefined"),
        ("search.html", "{{ nothing.x }}", "'nothing' is undefined"),
        ("front.html", '{% include "site/nowhere.html" %}', "site/nowhere.html"),  # for jinja, an OSError
    ],
)
def test_pip_finds_new_projects_while_a_template_of_the_front_can_not_be_rendered(
    name: str, fault: str, told: str, tmp_path: Path
) -> None:
    """The pages for people stay as they were, verify says why they were not compared, and they follow once it can."""
    with IndexAtWork(tmp_path) as work:
        work.upload(*wheel("demo", "1.0"))
        before = shown(work, "index.html")
    (own := tmp_path / "own").mkdir()
    (own / name).write_text(f'{{% extends "site/base.html" %}}\n{{% block main %}}{fault}{{% endblock %}}')
    with IndexAtWork(tmp_path, site=Site(templates=own)) as work:
        work.upload(*wheel("late", "1.0"))
        assert ">late</a>" in shown(work, "simple/index.html")
        assert "late" in shown(work, "simple/index.v1_json")
        assert shown(work, "index.html") == before
        audit = Verification(work.config)
        assert audit.run() == [] and f"{name}, line 2: {told}" in str(audit.not_compared)
    with IndexAtWork(tmp_path) as work:
        work.work()
        assert "late" in shown(work, "index.html")
        assert_equals_fresh_render(work.config)


def test_a_template_that_can_not_render_an_empty_index_leaves_no_page_out_once_it_can(tmp_path: Path) -> None:
    """Among them the rules, which do not change with what is published."""
    (own := tmp_path / "own").mkdir()
    (own / "front.html").write_text("The latest: {{ newest[0][0].name }}")
    with IndexAtWork(tmp_path, site=Site(templates=own)) as work:
        work.work()
        assert not (work.config.public / "index.html").exists()
        work.upload(*wheel("demo", "1.0"))
        assert shown(work, "index.html") == "The latest: demo"
        assert_equals_fresh_render(work.config)


@pytest.mark.parametrize(
    "fault", ["{{ nothing.x if project == 'bad' }}", "{% if project == 'bad' %}{% include 'no' %}{% endif %}"]
)
def test_a_project_whose_pages_can_not_be_rendered_stops_no_other(fault: str, tmp_path: Path) -> None:
    """Lists lead to its simple page until it can, and nothing tries again and again."""
    (own := tmp_path / "own").mkdir()
    whole = (resources.files("eggwatch.pages.site") / "templates/release.html").read_text()
    (own / "release.html").write_text(whole.replace("<div", "{{ nothing.x if project == 'bad' }}<div", 1))
    with IndexAtWork(tmp_path, site=Site(templates=own)) as work:
        for name in ("bad", "demo"):
            work.put(*wheel(name, "1.0"))
        work.work()
        assert 'href="../project/demo/index.html"' in shown(work, "projects/index.html")
        assert 'href="../simple/bad/index.html"' in shown(work, "projects/index.html")
        assert broken_links(work.config.public) == []
        assert work.index is not None and not work.index.pipeline.components.front.site_is_stale()
    with IndexAtWork(tmp_path) as work:
        work.work()
        assert 'href="../project/bad/index.html"' in shown(work, "projects/index.html")
        assert_equals_fresh_render(work.config)


def test_a_removed_file_can_be_downloaded_as_long_as_a_page_of_the_site_links_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after the grace period: the site follows when nothing is left to do for uploads, and then the file goes."""
    with IndexAtWork(tmp_path, grace=1.0) as work:
        work.upload(*wheel("demo", "1.0"))
        assert work.index is not None
        with monkeypatch.context() as busy:
            busy.setattr(work.index.pipeline, "_is_quiet", lambda: False)
            carry_out(work.index.pipeline, {"verb": "remove", "spec": "demo", "actor": "tester"})
            work.now += 2
            work.index.pipeline.round(wait=0.0)
            assert work.files("demo") == {}
            assert broken_links(work.config.public) == []
        work.work()
        assert not (work.config.public / "files/demo/demo-1.0-py3-none-any.whl").exists()
        assert_equals_fresh_render(work.config)


def test_what_is_removed_at_once_is_on_no_page_of_the_site_when_it_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its links nor its README, also while uploads keep the index busy."""
    with IndexAtWork(tmp_path) as work:
        work.upload(*described("demo", "1.0", "The password is *secret*."))
        assert work.index is not None and "secret" in shown(work, "project/demo/1.0/index.html")
        monkeypatch.setattr(work.index.pipeline, "_is_quiet", lambda: False)
        carry_out(work.index.pipeline, {"verb": "remove", "spec": "demo", "actor": "tester", "now": True})
        assert not (work.config.public / "files/demo/demo-1.0-py3-none-any.whl").exists()
        assert broken_links(work.config.public) == []
        assert "secret" not in shown(work, "project/demo/1.0/index.html") + shown(work, "project/demo/index.html")


@pytest.mark.parametrize("altered", ["project/demo/1.0/index.html", *LEGACY])
def test_an_altered_page_is_found_and_repaired(tmp_path: Path, altered: str) -> None:
    """Also that of a release, which no upload would render again."""
    with IndexAtWork(tmp_path) as work:
        work.upload(*wheel("demo", "1.0"))
        page = work.config.public / altered
        whole = page.read_bytes()
        page.write_bytes(b"altered")
        (found,) = Verification(work.config).run()
        assert (found.where, found.key) == (str(page), "demo")
        assert work.index is not None
        work.index.pipeline.components.catalog.forget_site_pages("demo")
        work.work()
        assert page.read_bytes() == whole


def test_without_a_site_there_is_the_list_of_all_projects(tmp_path: Path) -> None:
    """And an index that gets one renders the pages of what it had."""
    with IndexAtWork(tmp_path, site=None) as work:
        work.upload(*wheel("demo", "1.0"))
        assert 'href="simple/demo/"' in shown(work, "index.html")
        assert not (work.config.public / "project").exists() and not (work.config.public / "pypi").exists()
        assert_equals_fresh_render(work.config)
    with IndexAtWork(tmp_path) as work:
        work.work()
        assert 'href="project/demo/index.html"' in shown(work, "index.html")
        assert_equals_fresh_render(work.config)


def test_a_site_that_was_switched_off_and_deleted_comes_back_whole(tmp_path: Path) -> None:
    """When it is switched on again, though nothing was uploaded since; until then the list of all projects stays."""
    with IndexAtWork(tmp_path) as work:
        work.upload(*wheel("demo", "1.0"))
    with IndexAtWork(tmp_path, site=None) as work:
        work.work()
        for folder in ("project", "projects", "search", "history", "feeds", "pypi"):
            shutil.rmtree(work.config.public / folder)
        assert_equals_fresh_render(work.config)
    with IndexAtWork(tmp_path) as work:
        assert 'href="simple/demo/"' in shown(work, "index.html")
        work.work()
        assert broken_links(work.config.public) == []
        assert_equals_fresh_render(work.config)


def test_title_text_logo_and_files_of_ones_own_are_shown(tmp_path: Path) -> None:
    """A file in the folder of templates replaces the one of that name, be it a template or the style sheet."""
    (own := tmp_path / "own").mkdir()
    (own / "style.css").write_text("body { color: green }")
    (own / "projects.html").write_text("my own list")
    (logo := tmp_path / "acme.SVG").write_text("<svg/>")
    site = Site(title="Acme & Co", text="Our packages", logo=logo, templates=own, accent="#7a1f5c")
    with IndexAtWork(tmp_path, site=site) as work:
        work.upload(*wheel("demo", "1.0"))
        page = shown(work, "index.html")
        assert "<h1>Acme &amp; Co</h1>" in page and "Our packages" in page and 'src="static/logo.svg"' in page
        assert shown(work, "static/style.css").startswith("body { color: green }\n:root { --link: #7a1f5c; }")
        assert shown(work, "projects/index.html") == "my own list"
        assert broken_links(work.config.public) == []
        assert_equals_fresh_render(work.config)


@pytest.mark.parametrize("setting", ["text", "rejections"])
def test_a_setting_that_a_frame_of_ones_own_shows_is_changed_on_every_page(setting: str, tmp_path: Path) -> None:
    """Also one that no page of a project shows otherwise."""
    (own := tmp_path / "own").mkdir()
    (own / "base.html").write_text(f"{{{{ options.{setting} }}}}{{% block main %}}{{% endblock %}}")
    for value in ("Our packages", "Their packages"):
        site = Site(templates=own, text=value, rejections=value.startswith("Our"))
        with IndexAtWork(tmp_path, site=site) as work:
            work.upload(*wheel("demo", "1.0"))
        assert_equals_fresh_render(work.config)


def test_a_logo_of_another_type_goes_when_no_page_shows_it_any_longer(tmp_path: Path) -> None:
    """With the next start after all pages were rendered; a file that somebody has put in its place stays."""
    logos = [tmp_path / f"logo.{suffix}" for suffix in ("svg", "gif", "png")]
    for number, logo in enumerate(logos):
        logo.write_text(logo.suffix)
        with IndexAtWork(tmp_path, site=Site(logo=logo)) as work:
            static = work.config.public / "static"
            assert all((static / former.name).exists() for former in logos[:number])
            work.upload(*wheel("demo", "1.0"))
            assert broken_links(work.config.public) == []
    (static / "logo.gif").write_text("of somebody else")
    with IndexAtWork(tmp_path, site=Site(logo=logo)):
        assert sorted(path.name for path in static.glob("logo.*")) == ["logo.gif", "logo.png"]
    (static / "logo.gif").unlink()
    assert_equals_fresh_render(work.config)

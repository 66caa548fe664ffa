"""The site's pages are pure functions of listings and of what metadata says; golden files show every byte of them."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from jinja2 import DictLoader, Environment

from eggwatch.model.events import EventKind
from eggwatch.model.releases import ProjectListing, PublishedFile, RemovedFile, RootEntry, RootListing
from eggwatch.model.site import About, Card, Front, Happening, Release, SiteProject
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.site.compatibility import Compatibility, compatibility
from eggwatch.pages.site.frame import LastRendered, day, page, size
from eggwatch.pages.site.front import FEW, front_pages
from eggwatch.pages.site.project_site import MOST_RELEASES, Rendered, card_of, needed_by, project_site
from tests.pages.test_pages import ENV, HOSTILE, compare_with_golden, published

OPTIONS = LandingOptions(
    index_url="https://packages.example.com/simple/",
    upload_to="files.example.com:/srv/drop",
    site=True,
    title="Packages & more",
    text="What we build.",
    logo="logo.svg",
    contact="packages@example.com",
    uploads_url="https://packages.example.com/legacy/",
)
ABOUT = About(
    summary=f"What it is. {HOSTILE}",
    description=f"A README. {HOSTILE}",
    license="MIT",
    authors=("Alice <alice@example.com>", HOSTILE),
    links=(("Homepage", "https://example.com/?a=1&b=2"), (HOSTILE, "mailto:a@example.com")),
    classifiers=("Typing :: Typed", HOSTILE),
    keywords=("one", HOSTILE),
    requires=("Other.One >=2 ; python_version < '3.9'", "elsewhere[extra]", HOSTILE, "?"),
)
FILES = (
    published("demo-2.0-cp312-cp312-manylinux_2_17_x86_64.whl", "2.0", metadata_sha256="ab" * 32),
    published("demo-2.0.tar.gz", "2.0", requires_python=">=3.8", uploader=None),
)
YANKED = published("demo-1.0.tar.gz", "1.0", yanked=HOSTILE)
GONE = RemovedFile(
    filename="demo-0.9.tar.gz", sha256="cd" * 32, size=9, at="2026-11-20T08:00:00Z", upload_time="2026-11-19T08:00:00Z"
)


def release(version: str, *files: PublishedFile, **more: object) -> Release:
    return Release(project="demo", name="Demo", version=version, files=files, **more)  # type: ignore[arg-type]


NEWEST = release("2.0", *FILES, about=ABOUT, linked=("other-one",))
DEMO = SiteProject(
    listing=ProjectListing(
        project="demo", name="Demo", files=(*FILES, YANKED), removed=(GONE,), last_serial=4, status="archived"
    ),
    newest="2.0",
    dependents=("other-one", "zed"),
    more_dependents=1234,
    releases=(NEWEST, release("1.0", YANKED, about=About(description="plain\ntext")), release("0.9", removed=(GONE,))),
)


def as_html(about: About) -> str | None:
    """A renderer that knows one README."""
    return "<p>A <em>README</em>.</p>" if about.description.startswith("A README") else None


def rendered(project: SiteProject = DEMO, **known: str) -> Rendered:
    return project_site(project, ENV, OPTIONS, known=known, readme=as_html)


@pytest.mark.parametrize(
    "path", ["project/demo/index.html", *(f"project/demo/{one}/index.html" for one in ("2.0", "1.0", "0.9"))]
)
def test_pages_of_a_project_are_as_the_golden_files_have_them(path: str) -> None:
    compare_with_golden(f"site-{path.replace('/', '-')}", rendered().pages[path])


def test_a_project_whose_files_were_all_removed_has_a_page_that_says_so() -> None:
    gone = SiteProject(listing=replace(DEMO.listing, files=()), newest=None, releases=DEMO.releases[-1:])
    compare_with_golden("site-project-removed.html", rendered(gone).pages["project/demo/index.html"])


def test_only_pages_that_are_rendered_from_something_else_come_out_again() -> None:
    """A yank of an old release changes its own page and the project's, and no README of another one is rendered."""
    first = rendered()
    asked: list[About] = []
    assert rendered(DEMO, **first.digests).pages == {}
    other = replace(YANKED, yanked="another reason")
    yanked = replace(DEMO.releases[1], files=(other,))
    changed = replace(
        DEMO,
        listing=replace(DEMO.listing, files=(*FILES, other)),
        releases=(DEMO.releases[0], yanked, DEMO.releases[2]),
    )
    again = project_site(changed, ENV, OPTIONS, known=first.digests, readme=asked.append)
    changed_pages = sorted(path for path in again.pages if path.endswith(".html"))
    assert changed_pages == ["project/demo/1.0/index.html", "project/demo/index.html"]
    assert sorted(about.description for about in asked) == sorted([ABOUT.description, yanked.about.description])


def test_a_release_is_carried_to_the_page_of_its_project_only_while_it_is_the_newest() -> None:
    pages = rendered().pages
    assert b"What it is." in pages["project/demo/index.html"] and b"plain\ntext" not in pages["project/demo/index.html"]
    assert b"plain\ntext" in pages["project/demo/1.0/index.html"]


def large(*releases: Release) -> dict[str, bytes]:
    """Pages of a project with many of something."""
    files = tuple(file for one in releases for file in one.files)
    listing = replace(DEMO.listing, files=files)
    large = SiteProject(listing=listing, newest=releases[0].version, releases=releases)
    return dict(project_site(large, ENV, OPTIONS, known={}, readme=lambda _: "").pages)


def test_the_page_of_a_project_with_a_thousand_releases_is_small_and_leads_to_one_that_has_them_all() -> None:
    def one(number: int) -> Release:
        files = (published(f"demo-1.{number}-cp3{minor}-none-any.whl", f"1.{number}") for minor in range(10, 15))
        return release(f"1.{number}", *files, about=ABOUT)

    pages = large(*(one(number) for number in reversed(range(1000))))
    assert len(pages["project/demo/index.html"]) < 50_000
    assert b'<a href="releases/index.html">All 1,000 releases</a>' in pages["project/demo/index.html"]
    assert all(
        f"project/demo/1.{number}/index.html".encode() in pages["project/demo/releases/index.html"]
        for number in range(1000)
    )


def test_a_page_of_a_project_comes_after_those_that_it_leads_to() -> None:
    """They are published in this order."""
    numbers = reversed(range(MOST_RELEASES + 1))
    order = list(
        large(*(release(f"1.{number}", published(f"demo-1.{number}.tar.gz", f"1.{number}")) for number in numbers))
    )
    ends = [order.index(f"project/demo/{path}") for path in ("1.0/index.html", "releases/index.html", "index.html")]
    assert ends == sorted(ends) and order.index("project/demo/feed.atom") > ends[0]


def test_the_page_of_a_project_with_a_release_of_thousands_of_files_is_small_and_leads_to_one_that_has_them_all() -> (
    None
):
    names = [f"demo-1.0-{number}-cp3{number % 60}-none-linux_{number % 40}.whl" for number in range(5000)]
    pages = large(release("1.0", *(published(name, "1.0", metadata_sha256="ab" * 32) for name in names), about=ABOUT))
    assert len(pages["project/demo/index.html"]) < 50_000
    assert b'1.0/index.html#files">All 5,000 files of this release</a>' in pages["project/demo/index.html"]
    assert all(f">{name}</a>".encode() in pages["project/demo/1.0/index.html"] for name in names)


def entries(*names: str) -> tuple[RootEntry, ...]:
    return tuple(
        RootEntry(
            project=name,
            name=name.title(),
            last_serial=number,
            newest_version="1.0",
            newest_at=f"2026-11-{number + 1:02}T08:00:00Z",
            newest_yanked=number == 1,
        )
        for number, name in enumerate(names)
    )


def happened(filename: str, kind: EventKind, **more: str) -> Happening:
    page = "project/demo/1.0/index.html"
    at = "2026-11-22T08:00:00Z"
    return Happening(kind=kind, at=at, filename=filename, name="Demo", version="1.0", page=page, **more)  # type: ignore[arg-type]


FRONT = Front(
    listing=RootListing(entries=(*entries("demo", "other"), RootEntry(project="zed", name="Zed", last_serial=9))),
    cards={"demo": Card(project="demo", name="Demo", version="1.0", summary=f"What it is. {HOSTILE}")},
    files=1234,
    history=(
        Happening(kind=EventKind.REJECTED, at="2026-11-23T09:01:00Z", filename=HOSTILE, flaws=(("zip-crc", HOSTILE),)),
        happened("demo-1.0.tar.gz", EventKind.YANKED, reason=HOSTILE),
        happened("demo-1.0.tar.gz", EventKind.ADMITTED, uploader=HOSTILE),
        happened("demo-1.0-py3-none-any.whl", EventKind.IMPORTED, uploader=HOSTILE),
    ),
)


@pytest.mark.parametrize("path", ["index.html", "projects/index.html", "history/index.html"])
def test_pages_of_the_index_are_as_the_golden_files_have_them(path: str) -> None:
    """A project without a page of the site leads to the simple index."""
    compare_with_golden(f"site-{path.replace('/', '-')}", front_pages(FRONT, ENV, OPTIONS)[path])


def test_an_empty_index_says_that_nothing_was_published() -> None:
    empty = replace(FRONT, listing=RootListing(entries=()), cards={}, files=0, history=())
    pages = front_pages(
        empty,
        ENV,
        replace(OPTIONS, logo=None, text=None, contact=None, uploads_url=None, index_url="http://files:8080/simple/"),
    )
    compare_with_golden("site-index-empty.html", pages["index.html"])


def test_many_projects_are_listed_by_letter() -> None:
    """Those that begin with a digit together."""
    many = entries(*(f"{letter}{number}" for letter in "ab" for number in range(FEW // 2)), "9lives", "0install")
    pages = front_pages(
        replace(FRONT, listing=RootListing(entries=tuple(replace(one, newest_at=None) for one in many))), ENV, OPTIONS
    )
    assert sorted(path for path in pages if path.startswith("projects/")) == [
        "projects/0-9/index.html",
        "projects/a/index.html",
        "projects/b/index.html",
        "projects/index.html",
    ]
    assert next(path for path in reversed(pages) if path.startswith("projects/")) == "projects/index.html"
    assert b"9Lives" in pages["projects/0-9/index.html"] and b"9Lives" not in pages["projects/index.html"]


def test_the_page_of_a_new_letter_comes_before_those_that_lead_to_it() -> None:
    """They are published in this order."""
    listed = entries(*(f"{letter}{number}" for letter in "abc" for number in range(FEW)))
    cards = {one.project: Card(project=one.project, name=one.name, since="2026-11-22") for one in listed}
    cards |= {f"b{number}": replace(cards[f"b{number}"], since="2026-11-23") for number in range(FEW)}
    pages = front_pages(replace(FRONT, listing=RootListing(entries=listed), cards=cards), ENV, OPTIONS)
    assert next(path for path in pages if path.startswith("projects/")) == "projects/b/index.html"


def test_pages_of_the_index_come_out_again_only_where_something_changed() -> None:
    """One letter for a new summary; with those before they are what is rendered afresh."""
    listed = entries(*(f"{letter}{number}" for letter in "ab" for number in range(FEW)))
    cards = {one.project: Card(project=one.project, name=one.name, since="2026-11-22") for one in listed}
    front, known = replace(FRONT, listing=RootListing(entries=listed), cards=cards), LastRendered()
    before = front_pages(front, ENV, OPTIONS, known)
    assert front_pages(front, ENV, OPTIONS, known) == {}
    for changed, paths in (
        (replace(front, cards={**cards, "b1": replace(cards["b1"], summary="Other.")}), {"projects/b/index.html"}),
        (replace(front, files=7), {"index.html"}),
        (replace(front, history=front.history[1:]), {"history/index.html"}),
        (replace(front, newest=(cards["a1"],)), {"feeds/releases.atom", "feeds/releases.json"}),
    ):
        after = front_pages(changed, ENV, OPTIONS, known)
        assert paths <= set(after)
        fresh = front_pages(changed, ENV, OPTIONS)
        assert {**before, **after} == fresh
        differ = {path for path in fresh if fresh[path] != before[path]}
        assert set(after) == differ
        before, known = front_pages(front, ENV, OPTIONS), LastRendered()
        front_pages(front, ENV, OPTIONS, known)


class _Parts(HTMLParser):
    """What a browser would act upon."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize(
    "page", [*rendered().pages.items(), *front_pages(FRONT, ENV, OPTIONS).items()], ids=lambda one: one[0]
)
def test_no_text_of_a_package_becomes_markup_and_nothing_is_inline(page: tuple[str, bytes]) -> None:
    """Each script is a file of ours; no attribute runs or styles anything."""
    if not page[0].endswith(".html"):
        return
    parser = _Parts()
    parser.feed(page[1].decode())
    for tag, attributes in parser.tags:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        assert tag != "style"
        if tag == "script":
            assert str(attributes["src"]).endswith("static/site.js")


def test_a_character_that_no_page_may_have_is_replaced_and_every_other_one_is_kept() -> None:
    """HTML, 13.2.3.5: noncharacters, and controls that are no white space."""
    env = Environment(loader=DictLoader({"site/text.html": "{{ text }}"}), autoescape=False)
    controls = {*range(32), *range(0x7F, 0xA0)} - {*b"\t\n\f\r"}
    noncharacters = {*range(0xFDD0, 0xFDF0), *(plane << 16 | end for plane in range(17) for end in (0xFFFE, 0xFFFF))}
    forbidden = controls | noncharacters
    for code in forbidden | {code + 1 for code in forbidden if code < 0x10FFFF} | {0xD7, 0xFF, 0xFDCF, 0xFFFD, 0x1F600}:
        text = f"a {chr(code)} é"
        data = page(env, "text.html", "", OPTIONS, text=text)[""]
        assert data.decode() == ("a \ufffd é" if code in forbidden else text), hex(code)


def test_the_table_of_wheels_has_a_row_for_each_python_and_a_column_for_each_platform() -> None:
    names = [
        "demo-1.0-cp39-abi3-macosx_11_0_arm64.whl",
        "demo-1.0-cp310-cp310-win_amd64.whl",
        "demo-1.0-cp313-cp313t-musllinux_1_2_x86_64.whl",
        "demo-1.0-pp310-pypy310_pp73-win32.whl",
        "demo-1.0-py2.py3-none-any.whl",
        "demo-1.0-cp310-cp310-win_arm64.whl",
        "demo-1.0-cp310-cp310-plan9_x86.whl",
        "demo-1.0-jy-none-linux_x86_64.whl",
        "demo-1.0.tar.gz",
    ]
    table = compatibility(names)
    assert isinstance(table, Compatibility)
    assert [row[0] for row in table.rows] == [
        "CPython 3.9 and later",
        "CPython 3.10",
        "CPython 3.13, free-threaded",
        "PyPy 3.10",
        "Python 2",
        "Python 3",
        "jy",
    ]
    assert table.platforms == (
        "Linux (musl) x86_64",
        "Linux x86_64",
        "Windows arm64",
        "Windows x86",
        "Windows x86_64",
        "any platform",
        "macOS arm64",
        "plan9_x86",
    )
    assert table.rows[0][1] == ("", "", "", "", "", "", names[0], "")


def test_there_is_no_table_without_wheels() -> None:
    assert compatibility(["demo-1.0.tar.gz"]) is None


def test_needed_projects_are_those_that_a_requirement_names() -> None:
    assert needed_by(ABOUT) == {"other-one", "elsewhere"}


def test_a_card_is_that_of_the_newest_release() -> None:
    card = card_of(DEMO, "2026-11-22T08:00:00Z")
    assert (card.version, card.summary, card.since, card.yanked) == ("2.0", ABOUT.summary, GONE.upload_time, False)
    assert card_of(replace(DEMO, newest=None, releases=()), None) == Card(project="demo", name="Demo")


@pytest.mark.parametrize(
    ("bytes_", "said"), [(999, "999 bytes"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"), (7 * 10**12, "7000.0 GB")]
)
def test_sizes_are_as_people_read_them(bytes_: int, said: str) -> None:
    assert size(bytes_) == said


def test_a_moment_that_is_not_known_is_left_out() -> None:
    assert day(None) == ""

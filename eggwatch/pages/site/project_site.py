"""PUBLIC/project/<normalized>/ and its releases: what a package is, how it is installed, its files and history.

With each page comes the same for programs, below PUBLIC/pypi/.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from jinja2 import Environment
from markupsafe import Markup
from packaging.utils import canonicalize_name

from eggwatch.model.instructions import pip_install, uv_install
from eggwatch.model.site import About, Card, Release, SiteProject
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.site.compatibility import compatibility
from eggwatch.pages.site.feeds import project_feeds
from eggwatch.pages.site.frame import page, path_of
from eggwatch.pages.site.legacy_json import legacy_json

Readme = Callable[[About], str | None]
"""The description of a release as HTML that is safe in a page; None if it is to be shown as the text that it is."""

MOST_FILES, MOST_RELEASES, MOST_CELLS = 40, 100, 150
"""So much of each is on a project's own page; what has more is on a page of its own."""

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The pages of a project that are not as they were, and by path the digest of what each is rendered from."""

    pages: Mapping[str, bytes]
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """A requirement: the name as it is written, the project it is here if it is, and the rest of it."""

    name: str
    project: str | None
    rest: str


def project_site(
    project: SiteProject, env: Environment, options: LandingOptions, *, known: Mapping[str, str], readme: Readme
) -> Rendered:
    """The pages that come out otherwise than those with the `known` digests: one upload renders two READMEs, or one."""
    shown = next((one for one in project.releases if one.version == project.newest), None)
    wanted: dict[str, tuple[str, Release | None]] = {
        path_of(project.listing.project, release.version): (_digest(release), release) for release in project.releases
    }
    overview = path_of(project.listing.project)
    of_others = (wanted[path_of_release(shown)][0] if shown else "", project.dependents, project.more_dependents)
    wanted[overview] = (_digest(project.listing, *of_others), shown)
    readmes: dict[About, str | None] = {}
    always = project_feeds(project, options) | _all_releases(project, env, options)
    digests = {path: hashlib.sha256(data).hexdigest()[:32] for path, data in always.items()}
    pages: dict[str, bytes] = {}
    for path, (digest, release) in wanted.items():  # each page after those that it leads to
        if path == overview:
            pages |= {path: data for path, data in always.items() if known.get(path) != digests[path]}
        if known.get(path) == digest:
            continue
        if release is not None and release.about not in readmes:
            readmes[release.about] = readme(release.about)
        html = None if release is None else readmes[release.about]
        whole = project if path == overview else None
        pages |= page(env, "release.html", path, options, **_values(release, project, options, whole), readme=html)
        pages |= legacy_json(project, None if whole else release, options)
    return Rendered(pages=pages, digests=digests | {path: digest for path, (digest, _) in wanted.items()})


def _all_releases(project: SiteProject, env: Environment, options: LandingOptions) -> dict[str, bytes]:
    """The page of all releases; nothing where the project's own has them all."""
    if len(project.releases) <= MOST_RELEASES:
        return {}
    shown = {"name": project.listing.name, "project": project.listing.project, "history": project.releases}
    return page(env, "releases.html", path_of(project.listing.project, "releases"), options, **shown, quote=quote)


def path_of_release(release: Release) -> str:
    """The path of a release's page."""
    return path_of(release.project, release.version)


def _digest(*values: object) -> str:
    """Of what frozen values say of themselves: to make JSON of them takes several times as long."""
    return hashlib.sha256(repr(values).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _values(
    release: Release | None, project: SiteProject, options: LandingOptions, whole: SiteProject | None
) -> dict[str, Any]:
    """What the template needs; `whole` is the project on its own page, None on that of a release."""
    listing = project.listing
    name = listing.name if whole or release is None else release.name
    wanted = name if whole or release is None else f"{name}=={release.version}"
    files = release.files if release else ()
    table = compatibility(file.filename for file in files)
    if whole and table and len(table.rows) * len(table.platforms) > MOST_CELLS:
        table = None
    return {
        "name": name,
        "project": listing.project,
        "status": listing.status,
        "release": release,
        "files": files[:MOST_FILES] if whole else files,
        "history": whole.releases[:MOST_RELEASES] if whole else None,
        "releases": len(project.releases),
        "dependents": () if whole is None else whole.dependents,
        "more_dependents": 0 if whole is None else whole.more_dependents,
        "install": [pip_install(options.index_url, wanted), uv_install(options.index_url, wanted)] if files else [],
        "compatibility": table,
        "dependencies": list(_dependencies(release)) if release else [],
        "quote": quote,
        "Markup": Markup,
    }


def _dependencies(release: Release) -> Iterator[Dependency]:
    for text in release.about.requires:
        match = _NAME.fullmatch(text)
        name, rest = (match[1], match[2]) if match else (text, "")
        project = str(canonicalize_name(name))
        yield Dependency(name=name, project=project if project in release.linked else None, rest=rest)


def needed_by(about: About) -> set[str]:
    """The projects that a release requires, normalised."""
    matches = map(_NAME.fullmatch, about.requires)
    return {str(canonicalize_name(match[1])) for match in matches if match}


def card_of(project: SiteProject, at: str | None) -> Card:
    """What lists and the search show of a project; `at` is when its newest version came."""
    shown = next((one for one in project.releases if one.version == project.newest), None)
    about = shown.about if shown else About()
    return Card(
        project=project.listing.project,
        name=project.listing.name,
        version=project.newest,
        at=at,
        since=min((one.at for one in project.releases), default=None),
        yanked=shown is not None and shown.is_yanked,
        summary=about.summary,
        keywords=about.keywords,
        classifiers=about.classifiers,
    )

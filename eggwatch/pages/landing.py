"""PUBLIC/index.html: the projects, the newest releases, how to install and how to publish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jinja2 import Environment

from eggwatch.model.instructions import pip_install, upload, uv_install
from eggwatch.model.releases import RootEntry, RootListing

NEWEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingOptions:
    """What the front pages say that is not in the ledger: the URL of the simple index, where to copy, whom to ask.

    `weights` are those of the rules in this index, by code.
    """

    index_url: str
    upload_to: str
    contact: str | None = None
    profile: str = "default"
    weights: Mapping[str, str] = field(default_factory=dict)
    site: bool = False
    """Whether there are pages for people; else only a list of all projects."""
    title: str = "Python packages"
    text: str | None = None
    logo: str | None = None
    """The name of the image in static/."""
    base_url: str | None = None
    """The URL of PUBLIC, with a slash; None if it is not known."""
    rejections: bool = False
    """Whether the history has rejected uploads."""
    uploads_url: str | None = None
    """Where uploads over HTTP are taken, if they are and the URL is known."""


def landing_page(listing: RootListing, env: Environment, options: LandingOptions) -> dict[str, bytes]:
    """The landing page by its path."""
    newest = newest_releases(listing)
    example = newest[0].project if newest else "PROJECT"
    html = env.get_template("landing.html").render(
        entries=listing.entries,
        newest=newest,
        install=[pip_install(options.index_url, example), uv_install(options.index_url, example)],
        upload=upload(options.upload_to),
        contact=options.contact,
        leaf="",
    )
    return {"index.html": html.encode()}


def newest_releases(listing: RootListing) -> list[RootEntry]:
    """The projects whose newest versions came last, latest first."""
    released = [entry for entry in listing.entries if entry.newest_at is not None]
    return sorted(released, key=lambda entry: (entry.newest_at or "", entry.project), reverse=True)[:NEWEST]

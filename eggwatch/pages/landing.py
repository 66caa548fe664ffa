"""PUBLIC/index.html: the projects, the newest releases, how to install and how to publish."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import Environment

from eggwatch.model.releases import RootListing

NEWEST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingOptions:
    """What the page says that is not in the ledger: the index's URL, where to copy, whom to ask."""

    url: str | None = None
    drop: str = "drop/"
    contact: str | None = None


def landing_page(listing: RootListing, env: Environment, options: LandingOptions) -> dict[str, bytes]:
    """The landing page by its path."""
    released = [entry for entry in listing.entries if entry.newest_at is not None]
    newest = sorted(released, key=lambda entry: (entry.newest_at or "", entry.project), reverse=True)[:NEWEST]
    base = (options.url or "http://HOST").rstrip("/")
    html = env.get_template("landing.html").render(
        entries=listing.entries,
        newest=newest,
        index_url=f"{base}/simple/",
        drop=options.drop,
        contact=options.contact,
    )
    return {"index.html": html.encode()}

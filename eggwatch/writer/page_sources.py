"""What pages are rendered from beside the ledger: templates, options, and which of them are stale."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
from collections.abc import Sequence

from eggwatch.config.index_config import IndexConfig
from eggwatch.model.names import JSON_NAME
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.simple import RENDERER_VERSION
from eggwatch.pipeline.root_pages import front_key
from eggwatch.policy.weighing import weights
from eggwatch.store.state.catalog import Catalog, Reader

FRONT_PAGES = ("index.html", "rules/index.html", "simple/index.html", "simple/index.v1_html")
"""Pages beside the root's JSON that are there from the first `ready`."""


def templates() -> dict[str, str]:
    """The pages' templates by name."""
    folder = importlib.resources.files("eggwatch.pages") / "templates"
    return {item.name: item.read_text("utf-8") for item in sorted(folder.iterdir(), key=lambda item: item.name)}


def landing_options(config: IndexConfig) -> LandingOptions:
    """What the landing page says that is not in the ledger."""
    return LandingOptions(
        index_url=config.index_url,
        upload_to=config.upload_address,
        contact=config.contact,
        profile=str(config.terms.profile),
        weights=weights(config.terms),
    )


def mark_stale_pages(
    catalog: Catalog, sources: dict[str, str], options: LandingOptions, archived: Sequence[str]
) -> None:
    """Another renderer or other options make pages stale; those that come out equal are not rewritten."""
    renderer = _renderer(sources)
    if catalog.meta("renderer") != renderer:
        catalog.mark_all_stale({"renderer": renderer, "root_serial": None})
    front = front_key(sources, options)
    if catalog.meta("front") != front:
        catalog.set_meta({"front": front, "root_serial": None})
    if changed := set(archived) ^ set(archived_projects(catalog)):
        catalog.mark_stale(sorted(changed), {"archived": json.dumps(sorted(set(archived)))})


def _renderer(sources: dict[str, str]) -> str:
    return f"{RENDERER_VERSION}-{hashlib.sha256(sources['project.html'].encode()).hexdigest()[:16]}"


def is_rendered_by_us(catalog: Reader, config: IndexConfig) -> bool:
    """Whether pages were last rendered by this very renderer; what they say beside may have been configured since."""
    sources = templates()
    known, wanted = str(catalog.meta("front") or "[]"), front_key(sources, landing_options(config))
    return catalog.meta("renderer") == _renderer(sources) and json.loads(known)[1:] == json.loads(wanted)[1:]


def mark_lost_pages(config: IndexConfig, catalog: Catalog) -> None:
    """Without a root page, no page is taken for granted: PUBLIC may have been put back without them."""
    if not (config.public / "simple" / JSON_NAME).exists():
        catalog.mark_all_stale({"root_serial": None})
    elif not all((config.public / page).exists() for page in FRONT_PAGES):
        catalog.set_meta({"root_serial": None})


def archived_projects(catalog: Reader) -> list[str]:
    """The projects that pages show as archived, or will as soon as they are rendered."""
    return list(json.loads(str(catalog.meta("archived") or "[]")))

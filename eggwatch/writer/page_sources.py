"""What pages are rendered from beside the ledger: templates, options, and which of them are stale."""

from __future__ import annotations

import errno
import hashlib
import importlib.resources
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import TemplateSyntaxError

from eggwatch.config.index_config import IndexConfig
from eggwatch.config.settings import Site
from eggwatch.errors import in_words
from eggwatch.inspection.readmes import renderer_version
from eggwatch.model.names import FILES, JSON_NAME
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.simple import RENDERER_VERSION, environment
from eggwatch.pages.site.colours import accent_style
from eggwatch.pipeline.root_pages import CAUGHT_UP
from eggwatch.policy.rules import PRINCIPLES, RULES
from eggwatch.policy.weighing import weights
from eggwatch.readers.missing import shown_serial
from eggwatch.store import durable
from eggwatch.store.state.catalog import SHOWS_REJECTIONS, Catalog, Reader
from eggwatch.targets.folder import FolderTarget
from eggwatch.writer.templates import files_in, templates

T = TypeVar("T")

STATIC = "static"
"""The static files that are published, and former ones that have not been deleted yet, by path with their hashes."""
FRONT_VERSION = 3
"""To be raised when the front pages of the same index come out otherwise, or there is one more of them."""
SITE_VERSION = 5
"""Likewise of the site's pages of projects."""
FRONT_PAGES = ("index.html", "rules/index.html", "simple/index.html", "simple/index.v1_html", "static/style.css")
"""Pages beside the root's JSON that are there from the first `ready`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSources:
    """Templates by name, files that are published as they are by their path, and what pages say beside the ledger."""

    templates: Mapping[str, str]
    static: Mapping[str, bytes]
    options: LandingOptions
    files_url: str
    faults: tuple[str, ...]
    """Which of the administrator's files can't be used, and why: ours stand in for them, or nothing for a logo."""


def page_sources(config: IndexConfig) -> PageSources:
    """Those of an index, with files of its own in place of ours where they can be used."""
    site, faults = config.site or Site(), list[str]()
    own = {} if site.templates is None else _usable(_files_of, site.templates, faults) or {}
    texts, static = templates(), dict[str, bytes]()
    for name, file in own.items():
        if name.endswith(".html") and (text := _usable(_template_in, file, faults)) is not None:
            texts[f"site/{name}"] = text
    for name, ours in files_in(importlib.resources.files("eggwatch.pages") / "site" / "static"):
        data = _usable(_bytes_of, own[name], faults) if name in own else None
        static[f"static/{name}"] = ours.read_bytes() if data is None else data
    if site.accent is not None:
        static["static/style.css"] += accent_style(site.accent)
    logo = None if site.logo is None else _usable(_bytes_of, site.logo, faults)
    if site.logo is not None and logo is not None:
        static[f"static/{_logo(site.logo)}"] = logo
    return PageSources(
        templates=texts,
        static=dict(sorted(static.items())),
        options=_options(config, logo=None if site.logo is None or logo is None else _logo(site.logo)),
        files_url=config.files_url,
        faults=tuple(f"[index.{config.name}] site: {fault}" for fault in faults),
    )


def _usable(read: Callable[[Path], T], path: Path, faults: list[str]) -> T | None:
    """What is read of a file of one's own; None, with one fault more, if it can't be used."""
    try:
        return read(path)
    except OSError as error:
        faults.append(in_words(error))
    except UnicodeDecodeError:
        faults.append(f"It is not UTF-8: {path}")
    except TemplateSyntaxError as error:
        message = (error.message or "").rstrip(".")
        faults.append(f"{path.name}, line {error.lineno}: {message}")
    return None


def _files_of(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}


def _template_in(path: Path) -> str:
    text = path.read_text("utf-8")
    environment({}).compile(text)
    return text


def _bytes_of(path: Path) -> bytes:
    if path.is_fifo():  # nobody may ever write into it
        raise OSError(errno.EINVAL, "It is no file", str(path))
    return path.read_bytes()


def _logo(path: Path) -> str:
    return f"logo{path.suffix.lower()}"


def _options(config: IndexConfig, *, logo: str | None) -> LandingOptions:
    """What the front pages say that is not in the ledger."""
    site = config.site or Site()
    base_url = None if config.url is None else config.index_url.removesuffix("simple/")
    return LandingOptions(
        index_url=config.index_url,
        upload_to=config.upload_address,
        contact=config.contact,
        profile=str(config.terms.profile),
        weights=weights(config.terms),
        site=config.site is not None,
        title=site.title,
        text=site.text,
        logo=logo,
        base_url=base_url,
        rejections=site.rejections,
        uploads_url=f"{base_url}legacy/" if base_url and config.uploads else None,
    )


def mark_stale_pages(catalog: Catalog, sources: PageSources, archived: Sequence[str]) -> None:
    """Another renderer or other options make pages stale; those that come out equal are not rewritten."""
    renderer = _renderer(sources)
    if catalog.meta("renderer") != renderer:
        catalog.mark_all_stale({"renderer": renderer, "root_serial": None})
    front = _front_key(sources)
    if catalog.meta("front") != front:
        static = json.dumps(_published_static(catalog) | _digests(sources.static))
        shows_rejections = int(sources.options.rejections)
        catalog.set_meta({"front": front, "root_serial": None, SHOWS_REJECTIONS: shows_rejections, STATIC: static})
    site = _site_key(sources)
    if catalog.meta("site") != site:
        # Pages that were left when it was switched off may have been deleted since: none is taken for granted.
        catalog.mark_all_of_site({"site": site} if site is not None else {"site": None, CAUGHT_UP: None})
    if changed := set(archived) ^ set(catalog.archived()):
        catalog.mark_stale(sorted(changed), {"archived": json.dumps(sorted(set(archived)))})


def _front_key(sources: PageSources) -> str:
    """What the front pages depend on beside the ledger: when it changes, all of them are rendered again."""
    texts = json.dumps([FRONT_VERSION, [rule.as_json() for rule in RULES.values()], PRINCIPLES])
    digest = hashlib.sha256(texts.encode()).hexdigest()
    static = _digests(sources.static)
    return json.dumps([asdict(sources.options), _templates_digest(sources), [*static, *static.values()], digest])


def _site_key(sources: PageSources) -> str | None:
    """What the site's pages of projects depend on beside the ledger: a template of one's own may show any option."""
    said = [asdict(sources.options), SITE_VERSION, renderer_version(), _templates_digest(sources)]
    return json.dumps(said) if sources.options.site else None


def _templates_digest(sources: PageSources) -> str:
    """The digest of all templates but that of a project's simple page."""
    texts = sorted((name, text) for name, text in sources.templates.items() if name != "project.html")
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def _digests(static: Mapping[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(data).hexdigest() for path, data in static.items()}


def _published_static(catalog: Catalog) -> dict[str, str]:
    return dict(json.loads(str(catalog.meta(STATIC) or "{}")))


def sweep_former_static(catalog: Catalog, sources: PageSources, target: FolderTarget) -> None:
    """Delete former static files, such as a logo of another type, once all pages were rendered without them.

    What somebody else has put in their place is left there, and all of them while the site is switched off.
    """
    published = _published_static(catalog)
    former = published.keys() - sources.static.keys()
    if not former or not sources.options.site or catalog.meta("root_serial") is None or catalog.site.stale(1):
        return
    for path in former:
        if hashlib.sha256(target.read(path) or b"").hexdigest() == published[path]:
            durable.unlink(target.root / path)
    durable.sync([target.root / "static"])
    catalog.set_meta({STATIC: json.dumps(_digests(sources.static))})


def _renderer(sources: PageSources) -> str:
    said = sources.templates["project.html"] + ("" if sources.files_url == FILES else sources.files_url)
    return f"{RENDERER_VERSION}-{hashlib.sha256(said.encode()).hexdigest()[:16]}"


def is_rendered_by_us(catalog: Reader, config: IndexConfig) -> bool:
    """Whether pages were last rendered by this very renderer; what they say beside may have been configured since."""
    sources = page_sources(config)
    site, known = _site_key(sources), catalog.meta("site")
    is_ours = None in (site, known) or _but_options(known) == _but_options(site)
    is_ours = is_ours and _but_options(catalog.meta("front")) == _but_options(_front_key(sources))
    return is_ours and catalog.meta("renderer") == _renderer(sources)


def _but_options(key: object) -> list[Any]:
    """What front pages, or those of projects, depend on beside the ledger and what is configured."""
    return list(json.loads(str(key or "[]"))[1:])


def mark_lost_pages(config: IndexConfig, catalog: Catalog) -> None:
    """Without a root page, or with an older one than was published, no page is taken for granted: PUBLIC may have been
    put back without them, or with those of some time ago."""
    root = config.public / "simple" / JSON_NAME
    if not root.exists() or shown_serial(config.public) < catalog.number("root_serial"):
        catalog.mark_all_stale({"root_serial": None})
        catalog.mark_all_of_site({})
    elif not all((config.public / page).exists() for page in FRONT_PAGES):
        catalog.set_meta({"root_serial": None})

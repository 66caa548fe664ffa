"""What all pages of the site share: the frame with title and links, and how values are written in it."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from eggwatch.pages.landing import LandingOptions

_UNITS = ("bytes", "kB", "MB", "GB")


def path_of(project: str, version: str | None = None) -> str:
    """The path of a project's page, or that of one of its releases."""
    return f"project/{project}/index.html" if version is None else f"project/{project}/{version}/index.html"


def page(env: Environment, template: str, path: str, options: LandingOptions, **values: Any) -> dict[str, bytes]:
    """One page by its path; links in it are relative, so that it also works in a subfolder, and from a disk."""
    html = env.get_template(f"site/{template}").render(
        root="../" * path.count("/"), options=options, size=size, day=day, **values
    )
    return {path: html.encode()}


def size(value: int) -> str:
    """Bytes as people read them."""
    scaled, unit = float(value), 0
    while scaled >= 1000 and unit < len(_UNITS) - 1:
        scaled, unit = scaled / 1000, unit + 1
    return f"{scaled:.1f} {_UNITS[unit]}" if unit else f"{value} bytes"


def day(at: str | None) -> Markup | str:
    """A moment (RFC 3339) as its day, with the moment for machines."""
    return Markup('<time datetime="{}">{}</time>').format(at, at[:10]) if at else ""

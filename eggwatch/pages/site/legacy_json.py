"""PUBLIC/pypi/<normalized>/[<version>/]json: a project or a release as PyPI's JSON API has it, as far as we know it.

Tools that look for updates, and many scripts, read it. What only PyPI knows (downloads, vulnerabilities) is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from eggwatch.model.releases import PublishedFile
from eggwatch.model.site import LONGEST, MOST, About, Release, SiteProject
from eggwatch.pages.landing import LandingOptions
from eggwatch.pages.simple import encoded


def legacy_json(project: SiteProject, release: Release | None, options: LandingOptions) -> dict[str, bytes]:
    """The document of one release, or of the newest with the files of all, by its path.

    The URLs of files are relative if that of the index is not known. Only the project has a serial: each upload would
    change that of every release.
    """
    listing = project.listing
    if release is not None:
        root = options.base_url or "../../../"
        data = {"info": _info(release, options), "urls": _files(release, root)}
        return {f"pypi/{listing.project}/{release.version}/json": encoded(data)}
    root = options.base_url or "../../"
    newest = next((one for one in project.releases if one.version == project.newest), None)
    whole = {
        "info": _info(newest, options) if newest else {"name": listing.name, "version": None},
        "last_serial": listing.last_serial,
        "releases": {one.version: _files(one, root) for one in reversed(project.releases) if one.files},
        "urls": _files(newest, root) if newest else [],
    }
    return {f"pypi/{listing.project}/json": encoded(whole)}


def _info(release: Release, options: LandingOptions) -> dict[str, Any]:
    """What metadata says. Absent texts are empty and not null, as in PyPI's older answers: Renovate takes no null."""
    about, reasons = release.about, [file.yanked for file in release.files if file.yanked]
    links = dict(about.links)
    known: dict[str, Any] = {
        "name": release.name,
        "version": release.version,
        "summary": about.summary,
        "description": about.description,
        "description_content_type": about.description_type,
        "author": ", ".join(about.authors),
        "license": about.license,
        "keywords": ",".join(about.keywords),
        "classifiers": about.classifiers,
        "home_page": links.get("Homepage", ""),
        "project_urls": links,
        "requires_python": next((file.requires_python for file in release.files if file.requires_python), None),
        "yanked": release.is_yanked,
        "yanked_reason": reasons[0] if release.is_yanked and reasons else None,
    }
    return {**known, **_requirements(about), **_pages(release, options)}


def _requirements(about: About) -> Mapping[str, Any]:
    """All of them or none: more than are read of metadata would be taken for all that there are."""
    is_whole = len(about.requires) < MOST and all(len(one) < LONGEST for one in about.requires)
    return {"requires_dist": about.requires} if is_whole else {}


def _pages(release: Release, options: LandingOptions) -> Mapping[str, str]:
    if options.base_url is None:
        return {}
    page = f"{options.base_url}project/{release.project}/"
    return {"package_url": page, "release_url": f"{page}{quote(release.version)}/"}


def _files(release: Release, root: str) -> list[dict[str, Any]]:
    return [_file(release.project, file, root) for file in release.files]


def _file(project: str, file: PublishedFile, root: str) -> dict[str, Any]:
    is_wheel = file.filename.endswith(".whl")
    return {
        "filename": file.filename,
        "packagetype": "bdist_wheel" if is_wheel else "sdist",
        "python_version": file.filename.split("-")[-3] if is_wheel else "source",
        "requires_python": file.requires_python,
        "size": file.size,
        "digests": {"sha256": file.sha256},
        "upload_time": file.upload_time[:19],
        "upload_time_iso_8601": file.upload_time,
        "url": f"{root}files/{project}/{quote(file.filename)}",
        "yanked": file.yanked is not None,
        "yanked_reason": file.yanked or None,
    }

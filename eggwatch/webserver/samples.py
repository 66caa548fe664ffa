"""Configurations of Apache, nginx and Caddy for the pages: the samples of contrib/httpd, and those of given indexes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from eggwatch.config.index_config import Config, IndexConfig
from eggwatch.errors import ConfigurationError
from eggwatch.webserver.responses import FOREVER, REVALIDATE, SECURITY

TEMPLATES = {"apache": "apache.conf", "nginx": "nginx.conf", "caddy": "caddy.Caddyfile"}
"""The template of each server, which is also its file in contrib/httpd."""

EXAMPLE = "pypi.example.com"
TYPES = {
    "text/html": "html",
    "text/css": "css",
    "text/javascript": "js",
    "text/plain": "txt",
    "application/json": "json",
    "application/atom+xml": "atom",
    "application/rss+xml": "rss",
    "application/xml": "xml",
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/x-icon": "ico",
}
"""Media types of the pages for people, for servers that read no list of the system's."""

WARNING = """\
# Clients that ask for a project that is not here are redirected to
# {fallback}
# Beware of dependency confusion: whoever registers there a name that you use, but have not published here, decides what
# your clients install. Publish or register your names first. Projects that are here, and names with one of the
# `reserved-prefixes` of eggwatch.toml, are never looked up there."""

MODULE_FOLDERS = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules", "/usr/lib/apache2")
"""Where distributions install the modules of Apache: Debian, Fedora, Arch, Alpine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedIndex:
    """An index in a site: its folder at `prefix`, which is empty at the root, else like /team.

    `door` is the path at 'eggwatch serve' that uploads are passed on to, without its slash; None without uploads.
    """

    name: str
    public: Path
    prefix: str = ""
    door: str | None = None
    reserved: tuple[str, ...] = ()
    """Prefixes of names that are never looked for elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedSite:
    """A name and a port; `host` is the address that it listens on, in brackets for IPv6, None for every one."""

    name: str
    port: int
    host: str | None = None
    indexes: tuple[HostedIndex, ...]
    scheme: str = "http"
    has_every_name: bool = False

    @property
    def has_root(self) -> bool:
        """Whether one of the indexes is at the root."""
        return any(not index.prefix for index in self.indexes)

    @property
    def address(self) -> str:
        """What Caddy calls it."""
        name = "" if self.has_every_name else self.name
        is_usual = not self.has_every_name and self.port == _PORTS[self.scheme]
        return f"{self.scheme}://{name}" if is_usual else f"{self.scheme}://{name}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosting:
    """What a configuration is to have; with `standalone`, a folder for logs and pid, it is complete by itself."""

    sites: tuple[HostedSite, ...]
    standalone: Path | None = None
    https: tuple[Path, Path] | None = None
    htpasswd: Path | None = None
    fallback: str | None = None


_PORTS = {"http": 80, "https": 443}


def sample(kind: str) -> str:
    """The file of contrib/httpd, with placeholders for name and folder, and the lines for uploads as comments."""
    index = HostedIndex(name="main", public=Path("/srv/eggwatch"), door="")
    site = HostedSite(name=EXAMPLE, port=80, indexes=(index,))
    return _rendered(kind, Hosting(sites=(site,)), sample=True, plus="#+")


def configuration(kind: str, hosting: Hosting) -> str:
    """The configuration of a server; ConfigurationError for what can't be written in one."""
    for site in hosting.sites:
        for inner, outer in permutations(site.indexes, 2):
            if inner.prefix in (outer.prefix, *(f"{outer.prefix}/{folder}" for folder in ("simple", "files", "pypi"))):
                raise ConfigurationError(
                    f"{inner.name} can't be served at {inner.prefix}/: the pages of {outer.name} are there.",
                    remedy="Give each index a 'url' of its own, or choose one with --index.",
                )
    return _rendered(kind, hosting, sample=False, plus="")


def hosting_of(config: Config, every: int) -> Hosting:
    """Each index at its `url`, those of one host in a site; without a `url` at /NAME/, or at the root if it is alone.

    `every` is the number of indexes in the file: 'eggwatch serve' has those of several at /NAME/.
    """
    sites = (_site(index, config, every) for index in config.indexes.values())
    return Hosting(sites=_joined(sites))


def _site(index: IndexConfig, config: Config, every: int) -> HostedSite:
    url = index.url or f"http://{EXAMPLE}/{index.name if len(config.indexes) > 1 else ''}"
    parts = urlsplit(plain(url, "The 'url'"))
    hosted = _hosted(index, parts.path, every)
    port = parts.port or _PORTS[parts.scheme]
    return HostedSite(scheme=parts.scheme, name=_bracketed(parts.hostname or ""), port=port, indexes=(hosted,))


def _joined(sites: Iterable[HostedSite]) -> tuple[HostedSite, ...]:
    """Those of one name and port are one."""
    joined: dict[tuple[str, str, int], HostedSite] = {}
    for site in sites:
        key = site.scheme, site.name, site.port
        before = joined[key].indexes if key in joined else ()
        joined[key] = replace(site, indexes=_longest_first([*before, *site.indexes]))
    return tuple(joined.values())


def plain(url: str, what: str) -> str:
    """The same URL; ConfigurationError for one with characters that mean something to one of the web servers."""
    if not re.fullmatch(r"https?://(?:[\w.-]+|\[[\d:.A-Fa-f]+\])(?::\d+)?(?:/[\w.~+@=,-]+)*/?", url, re.ASCII):
        raise ConfigurationError(
            f"{what} {url!r} can't be written in the configuration of a web server.",
            remedy="Use the letters a to z, digits, '-', '_' and '.' only, as in http://files.example.com/my-packages/.",
        )
    return url


def _hosted(index: IndexConfig, path: str, every: int) -> HostedIndex:
    door = None if index.uploads is None else f"/{index.name}" if every > 1 else ""
    return HostedIndex(
        name=index.name,
        public=index.public,
        prefix=path.rstrip("/").removesuffix("/simple"),
        door=door,
        reserved=index.terms.reserved_prefixes,
    )


def _longest_first(indexes: list[HostedIndex]) -> tuple[HostedIndex, ...]:
    """A POST below /team/ is not one to the root."""
    return tuple(sorted(indexes, key=lambda index: (-len(index.prefix), index.prefix)))


def secured(hosting: Hosting) -> Hosting:
    """The same with HTTPS where there is a certificate; ConfigurationError if a `url` needs one."""
    if hosting.https is None and any(site.scheme == "https" for site in hosting.sites):
        raise ConfigurationError(
            "The 'url' is https://, and no certificate is given.",
            remedy="Add --https CERTIFICATE KEY; or --listen, if another server in front has the certificate.",
        )
    if hosting.https is None:
        return hosting
    sites = (replace(site, scheme="https", port=443 if site.port == 80 else site.port) for site in hosting.sites)
    return replace(hosting, sites=_joined(sites))


def listening(hosting: Hosting, host: str, port: int) -> Hosting:
    """The same at one address. ConfigurationError for one that no web server can be given."""
    if port == 0 or not re.fullmatch(r"[\w.:*%-]+", host, re.ASCII):
        raise ConfigurationError(
            f"--listen {_bracketed(host)}:{port} can't be written in the configuration of a web server.",
            remedy="Write an address and a port from 1 to 65535: 127.0.0.1:8000, or 0.0.0.0:8000 for all interfaces.",
        )
    scheme = "http" if hosting.https is None else "https"
    sites = (replace(site, scheme=scheme, host=_bracketed(host), port=port) for site in hosting.sites)
    return replace(hosting, sites=_joined(sites))


def by_itself(hosting: Hosting, folder: Path, host: str, port: int) -> Hosting:
    """The same in one site of a server of one's own, for every name; several indexes at /NAME/."""
    indexes = [index for site in hosting.sites for index in site.indexes]
    if len(indexes) > 1:
        indexes = [replace(index, prefix=f"/{index.name}") for index in indexes]
    site = HostedSite(name="localhost", port=port, indexes=_longest_first(indexes), has_every_name=True)
    return listening(replace(hosting, sites=(site,), standalone=folder), host, port)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _rendered(kind: str, hosting: Hosting, **values: object) -> str:
    env = Environment(  # noqa: S701  (no HTML)
        loader=PackageLoader("eggwatch.webserver"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
    )
    env.globals.update(quoted=_quoted, pattern=_pattern, range=range)
    text = env.get_template(TEMPLATES[kind]).render(
        sites=hosting.sites,
        standalone=hosting.standalone,
        https=hosting.https,
        htpasswd=hosting.htpasswd,
        fallback=hosting.fallback,
        warning=WARNING.format(fallback=hosting.fallback),
        revalidate=REVALIDATE,
        forever=FOREVER,
        policy=SECURITY["Content-Security-Policy"],
        types=TYPES,
        modules=apache_modules(
            uploads=any(index.door is not None for site in hosting.sites for index in site.indexes),
            https=hosting.https is not None,
            passwords=hosting.htpasswd is not None,
        ),
        module_folder=_module_folder(),
        listens=sorted(_listens(hosting)),
        **values,
    )
    return re.sub(r"(?m)[ \t]+$", "", text)


def _quoted(value: object, tail: str = "") -> str:
    """A path as all three servers read it; what is written after it may have their variables."""
    text = str(value)
    if re.fullmatch(r"[\w./:-]+", text):
        return text + tail
    if re.search(r"[^\w ./:@+,=~&()'#;-]", text):
        raise ConfigurationError(
            f"{text!r} can't be written in the configuration of a web server.",
            remedy="Rename the folder, or link to it.",
        )
    return f'"{text}{tail}"'


def _pattern(prefix: str) -> str:
    return re.sub(r"[.+]", r"\\\g<0>", prefix)


def apache_modules(*, uploads: bool, https: bool, passwords: bool = False) -> str:
    """The modules of Apache that are needed beside those that every distribution loads."""
    modules = "alias dir headers mime rewrite setenvif"
    modules += " proxy proxy_http" if uploads else ""
    modules += " socache_shmcb ssl" if https else ""
    return modules + (" auth_basic authn_file authz_user" if passwords else "")


def _module_folder() -> str:
    found = (folder for folder in MODULE_FOLDERS if Path(folder, "mod_rewrite.so").exists())
    return next(found, MODULE_FOLDERS[0])


def _listens(hosting: Hosting) -> set[str]:
    """What Apache has to listen on, where the system's configuration does not say so."""
    return {
        f"{site.host}:{site.port}" if site.host else str(site.port)
        for site in hosting.sites
        if hosting.standalone is not None or site.port not in _PORTS.values()
    }

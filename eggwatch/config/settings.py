"""The settings of an index: the description of each, and a function that parses it or reports the valid format."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from eggwatch.config.grammar import (
    Setting,
    SeveralError,
    accent,
    duration,
    either,
    file_mode,
    flag,
    index_url,
    read_table,
    size,
    text,
    textfile,
    upload_to,
)
from eggwatch.config.news import COMMON, NEWS, TABLES
from eggwatch.config.uploads import DOOR, UPLOADS
from eggwatch.model.codes import Code, nearest
from eggwatch.model.names import project_name
from eggwatch.policy.retention import Keeping
from eggwatch.policy.settling import SUFFIXES
from eggwatch.policy.terms import Profile, Weight

SUPPORTED_FORMATS = ("wheel", "sdist")


LOGOS = (".svg", ".png", ".jpg", ".jpeg", ".webp", ".gif")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The site's title, a paragraph about the index, a logo, and a folder of files that replace those of eggwatch.

    `rejections` says whether its history shows rejected uploads; `accent` is the colour of its links.
    """

    title: str = "Python packages"
    text: str | None = None
    logo: Path | None = None
    templates: Path | None = None
    rejections: bool = False
    accent: str | None = None


def _logo(value: object) -> Path:
    if not text(value).lower().endswith(LOGOS):
        raise ValueError(f"is no image; its name has to end in one of {' '.join(LOGOS)}")
    return Path(str(value))


def _formats(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('is not a list; write ["wheel", "sdist"]')
    for item in value:
        if not isinstance(item, str) or item not in SUFFIXES:
            raise ValueError(f"names {item!r}; known are {', '.join(SUFFIXES)}")
        if item not in SUPPORTED_FORMATS:
            raise ValueError(f"names {item!r}, which this version can't judge yet")
    return tuple(dict.fromkeys(value))


def _profile(value: object) -> Profile:
    try:
        return Profile(str(value))
    except ValueError:
        raise ValueError(f"is not a profile; there are {', '.join(Profile)}") from None


def _rules(value: object) -> dict[str, Weight]:
    if not isinstance(value, dict):
        raise ValueError('is not a table; write { zip-comment = "refuse" }')
    problems = [((code,), wrong) for code, weight in value.items() if (wrong := _rule_problem(code, weight))]
    if problems:
        raise SeveralError(problems)
    return {code: Weight(weight) for code, weight in value.items()}


def _rule_problem(code: str, weight: object) -> str | None:
    if code not in set(Code):
        near = nearest(code)
        return f"there is no such rule{f'; did you mean {near}?' if near else ''} ('eggwatch explain' lists all)"
    if weight not in list(Weight):
        return f"{weight!r} is not a level; write one of {', '.join(Weight)}"
    if Code(code).fixed and weight != Weight.REFUSE:
        return f"always rejects, because it protects the index itself ('eggwatch explain {code}')"
    return None


def _owners(value: object) -> dict[str, frozenset[str]]:
    if not isinstance(value, dict):
        raise ValueError('is not a table; write { "acme-*" = ["alice", "@release"] }')
    problems = [((pattern,), wrong) for pattern, names in value.items() if (wrong := _owners_problem(pattern, names))]
    if problems:
        raise SeveralError(problems)
    owners: dict[str, frozenset[str]] = {}
    for pattern, names in value.items():
        key = project_name(pattern)
        owners[key] = owners.get(key, frozenset()) | frozenset(names)
    return owners


def _owners_problem(pattern: str, names: object) -> str | None:
    if not _is_pattern(pattern):
        return "is not a pattern of project names"
    if not isinstance(names, list) or not names:
        return 'is empty; write ["alice", "@release"] (accounts, and groups with @), or use archived'
    wrong = [name for name in names if not isinstance(name, str) or not re.fullmatch(r"@?[^\s@][^\s]*", name)]
    return f"{wrong[0]!r} is neither an account nor a group with @" if wrong else None


def _is_pattern(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9._*?\[\]!-]+", value) is not None


def _patterns(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError('is not a list; write ["acme-*"]')
    wrong = [item for item in value if not _is_pattern(item)]
    if wrong:
        raise ValueError(f"names {wrong[0]!r}, which is not a pattern of project names")
    return tuple(dict.fromkeys(map(project_name, value)))


def _names(value: object) -> tuple[str, ...]:
    patterns = _patterns(value)
    wrong = [pattern for pattern in patterns if re.search(r"[*?\[\]!]", pattern)]
    if wrong:
        raise ValueError(f"names {wrong[0]!r}; wildcards have no meaning here")
    return patterns


def _keeping(value: object) -> Keeping:
    if value == "forever":
        return Keeping()
    limits: dict[str, Any] = {}
    for item in value if isinstance(value, list) and value else [value]:
        for name, grammar in (("age", duration), ("size", size)):
            try:
                limits[name] = grammar(item)
                break
            except ValueError:
                continue
        else:
            raise ValueError('is not a limit; write "forever", "90d", "2GiB" or ["90d", "2GiB"]')
    return Keeping(**limits)


FOLDERS: dict[str, Setting] = {
    "drop": Setting(
        says="Where people copy packages. The daemon never creates it: it may be a disk that is not mounted.",
        read=text,
        example='"drop"',
    ),
    "public": Setting(says="What the web server serves: simple/, files/, index.html.", read=text, example='"public"'),
    "state": Setting(says="Ledger and catalog. Back this up together with `public`.", read=text, example='"state"'),
}
TIMES: dict[str, Setting] = {
    "quiet": Setting(
        says="How long an upload must be unchanged if leases can't prove that it is finished.",
        read=duration,
        default='"2s"',
    ),
    "unfinished-after": Setting(
        says="An upload whose end is missing is rejected this long after its last change.",
        read=duration,
        default='"1h"',
    ),
    "linger": Setting(
        says="How long an upload is kept in the drop folder after its last change.", read=duration, default='"2s"'
    ),
}
"""The fields of `Patience`."""
TERMS: dict[str, Setting] = {
    "profile": Setting(
        says='Which rules refuse: "default", "pypi" (what PyPI refuses) or "strict" (all of them).',
        read=_profile,
        default='"default"',
    ),
    "rules": Setting(
        says="The level of single rules: refuse, warn or off. `eggwatch explain` lists the codes.",
        read=_rules,
        example='{ zip-comment = "refuse", summary-too-long = "off" }',
    ),
    "owners": Setting(
        says="Who may upload to which projects: accounts, and groups with @. By default anyone who can write to "
        "the drop folder.",
        read=_owners,
        example='{ "acme-*" = ["alice", "@release"] }',
    ),
    "first-uploader-owns": Setting(
        says="A project that `owners` does not name belongs to the account that uploaded its first file.",
        read=flag,
        default="false",
    ),
    "max-file-size": Setting(says="Larger archives are rejected.", read=size, example='"2GiB"'),
    "max-project-size": Setting(
        says="Uploads that would make a project larger than this are rejected.", read=size, example='"20GiB"'
    ),
    "allowed-names": Setting(
        says="Only projects with these names are accepted; `*` and `?` are wildcards.",
        read=_patterns,
        example='["acme-*"]',
    ),
    "forbidden-names": Setting(
        says="Projects with these names are rejected, likewise.", read=_patterns, example='["requests"]'
    ),
    "reserved-prefixes": Setting(
        says="Projects with these prefixes are accepted only if `owners` names them.", read=_names, example='["acme-"]'
    ),
    "archived": Setting(
        says="These projects accept no uploads, and their pages say so.", read=_names, example='["acme-legacy"]'
    ),
}
"""The fields of `Terms`."""

SITE: dict[str, Setting] = {
    "title": Setting(says="The title of all pages.", read=text, default='"Python packages"'),
    "text": Setting(
        says="What the landing page says about this index.", read=text, example='"The packages of our department."'
    ),
    "logo": Setting(says="An image, shown beside the title.", read=_logo, example='"logo.svg"'),
    "accent": Setting(says="The colour of links; in the dark it is lightened.", read=accent, example='"#7a1f5c"'),
    "templates": Setting(
        says="A folder with templates and static files of your own. A file replaces the one of that name in "
        "eggwatch/pages/site; style.css, for example.",
        read=lambda value: Path(text(value)),
        example='"/etc/eggwatch/site"',
    ),
    "rejections": Setting(
        says="The page `history` also shows rejected uploads, and why; everybody who can read the pages sees them.",
        read=flag,
        default="false",
    ),
}


def site(value: object) -> Site | None:
    """[index.NAME.site], or `site = "off"`."""
    if value == "off":
        return None
    if not isinstance(value, dict):
        raise ValueError('is neither "off" nor a table')
    return Site(**read_table(value, SITE))


PAGES = Setting(
    says='The pages for people. With site = "off" in [index.NAME], before its tables, there is only a list of all '
    "projects. The pages that were there before are left as they are: delete `project`, `projects`, `pypi`, `search`, "
    "`history` and `feeds` in the public folder, or they will show what is no longer so.",
    read=site,
)


GROUPS: dict[str, dict[str, Setting]] = {
    "Folders": FOLDERS,
    "Addresses": {
        "contact": Setting(says="Whom uploaders can ask for help.", read=text, example='"packages@example.com"'),
        "url": Setting(
            says="The index as clients reach it, for the lines to copy. By default where `run --serve` listens.",
            read=index_url,
            example='"https://packages.example.com/"',
        ),
        "upload-to": Setting(
            says="What uploaders type, if not the host of `url` and the path of `drop`: HOST:FOLDER for scp, "
            "rsync://HOST/MODULE/, or a folder that they have mounted.",
            read=upload_to,
            example='"files.example.com:/drop/"',
        ),
        "files-url": Setting(
            says="Where project pages link to archives, if not to `files/` beside them: on a CDN, for example.",
            read=index_url,
            example='"https://cdn.example.com/files/"',
        ),
    },
    "Uploads": {
        **TIMES,
        "scan": Setting(
            says="How often the whole drop folder is scanned, in addition to inotify.",
            read=duration,
            default='"30s"',
        ),
        "intake": Setting(
            says='With "mirror", files stay in the drop folder, and one that is deleted there leaves the index.',
            read=either("drop", "mirror"),
            default='"drop"',
        ),
        "removed-after": Setting(
            says="How long a file must be gone from a mirror that could be read completely.",
            read=duration,
            default='"10s"',
        ),
        "min-free": Setting(
            says="Uploads wait if they would leave less than this free on the disk.", read=size, default='"64MiB"'
        ),
        "formats": Setting(
            says="The kinds of archives that are accepted.", read=_formats, default='["wheel", "sdist"]'
        ),
        "identity": Setting(
            says='Whose an upload is: the account\'s that owns the file, or with "folder" that of DROP/ACCOUNT/.',
            read=either("owner", "folder"),
            default='"owner"',
        ),
        "keep-rejected": Setting(
            says='How long rejected files are kept: "90d", "2GiB" (the oldest are deleted first), or a list of both.',
            read=_keeping,
            default='"forever"',
        ),
    },
    "Rules and owners": TERMS,
    "Published files and state": {
        "mode": Setting(
            says="The mode of published files and of the state when they are made; what exists already keeps its own: "
            "change that with chmod. Whoever may read a file may enter its folder.",
            read=file_mode,
            default='"0644"',
        ),
        "group": Setting(
            says="The group of published files and of the state when they are made.", read=text, example='"packages"'
        ),
        "grace": Setting(
            says="How long the bytes of a removed file can still be downloaded.", read=duration, default='"10m"'
        ),
        "keep-aside": Setting(
            says="How long damaged archives are kept in quarantine, and damaged catalogs in `state`.",
            read=_keeping,
            default='"forever"',
        ),
        "metrics": Setting(
            says="Write metrics for node_exporter to this file; needs eggwatch[metrics].",
            read=textfile,
            example='"/var/lib/prometheus/node-exporter/eggwatch.prom"',
        ),
    },
}
"""Every setting of an index except its tables, for the sample and the documentation."""
SETTINGS: dict[str, Setting] = {
    key: one for group in (*GROUPS.values(), NEWS, {"uploads": DOOR, "site": PAGES}) for key, one in group.items()
}


WIDTH = 100
HEAD = """\
# The settings of eggwatch, with their defaults or an example. Relative paths start from the folder of this file.

[index.main]
"""
OF_NEWS = """
# Who is notified of published and rejected files; `eggwatch notify --test` sends a sample. Tables come last.
"""


def sample(values: Mapping[str, str]) -> str:
    """The text of a configuration with the three folders and `values` in use, and all others commented out."""
    used = {key: json.dumps(values.get(key, key), ensure_ascii=False) for key in (*FOLDERS, *values)}
    settings = chain.from_iterable(group.items() for group in GROUPS.values())
    lines = chain.from_iterable(_lines(*item, used) for item in settings)
    return "".join(
        [HEAD, *lines, OF_NEWS, *_tables(), *_table_of("uploads", DOOR, UPLOADS), *_table_of("site", PAGES, SITE)]
    )


def _tables() -> Iterator[str]:
    for name, table in TABLES.items():
        told = {key: one for key, one in table.items() if name == "mail" or key not in COMMON}  # it is told once
        yield from _table_of(name, NEWS[name.partition(".")[0]], told)


def _table_of(name: str, setting: Setting, table: Mapping[str, Setting]) -> Iterator[str]:
    yield f"\n{_comment(setting.says)}# [index.main.{name}]\n"
    for key, one in table.items():
        yield from _lines(key, one, {})


def _lines(key: str, setting: Setting, used: Mapping[str, str]) -> Iterator[str]:
    shown = setting.default or setting.example
    if shown is not None:
        yield f"\n{_comment(setting.says)}"
        yield f"{key} = {used[key]}\n" if key in used else f"# {key} = {shown}\n"


def _comment(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False) + "\n"

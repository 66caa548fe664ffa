"""What each setting of eggwatch.toml may be: a function answers with its value, or says the grammar."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from eggwatch.config.grammar import SeveralError, duration, flag, index_url, size, text, upload_to
from eggwatch.config.news import NEWS
from eggwatch.policy.ownership import normalized_pattern
from eggwatch.policy.retention import Keeping
from eggwatch.policy.rules import RULES, Profile, Weight, nearest
from eggwatch.policy.settling import SUFFIXES

SUPPORTED_FORMATS = ("wheel", "sdist")


def _textfile(value: object) -> str:
    if not text(value).endswith(".prom"):
        raise ValueError("does not end in .prom, and node_exporter reads no other files")
    return str(value)


def _formats(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('is no list; write ["wheel", "sdist"]')
    for item in value:
        if item not in SUFFIXES:
            raise ValueError(f"names {item!r}; known are {', '.join(SUFFIXES)}")
        if item not in SUPPORTED_FORMATS:
            raise ValueError(f"names {item!r}, which this version can't judge yet")
    return tuple(dict.fromkeys(value))


def _identity(value: object) -> str:
    if value not in ("owner", "folder"):
        raise ValueError('is neither "owner" nor "folder"')
    return str(value)


def _mode(value: object) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"0?[0-7]{3}", value):
        raise ValueError('is no mode; write "0644" or "0640"')
    return int(value, 8)


def _profile(value: object) -> Profile:
    try:
        return Profile(str(value))
    except ValueError:
        raise ValueError(f"is no profile; there are {', '.join(Profile)}") from None


def _rules(value: object) -> dict[str, Weight]:
    if not isinstance(value, dict):
        raise ValueError('is no table; write { zip-comment = "refuse" }')
    problems = [((code,), wrong) for code, weight in value.items() if (wrong := _rule_problem(code, weight))]
    if problems:
        raise SeveralError(problems)
    return {code: Weight(weight) for code, weight in value.items()}


def _rule_problem(code: str, weight: object) -> str | None:
    rule = RULES.get(code)
    if rule is None:
        near = nearest(code)
        return f"there is no such rule{f'; did you mean {near}?' if near else ''} ('eggwatch explain' lists all)"
    if weight not in list(Weight):
        return f"{weight!r} is no weight; write one of {', '.join(Weight)}"
    if rule.fixed and weight != Weight.REFUSE:
        return f"always refuses, because it protects the index itself ('eggwatch explain {code}')"
    return None


def _owners(value: object) -> dict[str, frozenset[str]]:
    if not isinstance(value, dict):
        raise ValueError('is no table; write { "acme-*" = ["alice", "@release"] }')
    problems = [((pattern,), wrong) for pattern, names in value.items() if (wrong := _owners_problem(pattern, names))]
    if problems:
        raise SeveralError(problems)
    owners: dict[str, frozenset[str]] = {}
    for pattern, names in value.items():
        key = normalized_pattern(pattern)
        owners[key] = owners.get(key, frozenset()) | frozenset(names)
    return owners


def _owners_problem(pattern: str, names: object) -> str | None:
    if not _is_pattern(pattern):
        return "is no pattern of project names"
    if not isinstance(names, list) or not names:
        return 'names nobody; write ["alice", "@release"] (accounts, and groups with @), or use archived'
    wrong = [name for name in names if not isinstance(name, str) or not re.fullmatch(r"@?[^\s@][^\s]*", name)]
    return f"{wrong[0]!r} is neither an account nor a group with @" if wrong else None


def _is_pattern(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9._*?\[\]!-]+", value) is not None


def _patterns(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError('is no list; write ["acme-*"]')
    wrong = [item for item in value if not _is_pattern(item)]
    if wrong:
        raise ValueError(f"names {wrong[0]!r}, which is no pattern of project names")
    return tuple(dict.fromkeys(map(normalized_pattern, value)))


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
            raise ValueError('is no limit; write "forever", "90d", "2GiB" or ["90d", "2GiB"]')
    return Keeping(**limits)


TERMS: dict[str, Callable[[object], Any]] = {
    "profile": _profile,
    "rules": _rules,
    "owners": _owners,
    "first-uploader-owns": flag,
    "max-file-size": size,
    "max-project-size": size,
    "allowed-names": _patterns,
    "forbidden-names": _patterns,
    "reserved-prefixes": _names,
    "archived": _names,
}

SETTINGS: dict[str, Callable[[object], Any]] = {
    "drop": text,
    "public": text,
    "state": text,
    "contact": text,
    "url": index_url,
    "upload-to": upload_to,
    "unfinished-after": duration,
    "quiet": duration,
    "linger": duration,
    "scan": duration,
    "grace": duration,
    "min-free": size,
    "formats": _formats,
    "mode": _mode,
    "group": text,
    "identity": _identity,
    "keep-rejected": _keeping,
    "keep-aside": _keeping,
    "metrics": _textfile,
    **TERMS,
    **NEWS,
}
PATIENCE = ("unfinished-after", "quiet", "linger")


def setting(key: str) -> Callable[[object], Any]:
    """The grammar of a setting; ValueError with a suggestion if there is none of that name."""
    if key not in SETTINGS:
        near = get_close_matches(key, SETTINGS, n=1)
        raise ValueError(f"unknown{f'; did you mean {near[0]}?' if near else ''}")
    return SETTINGS[key]

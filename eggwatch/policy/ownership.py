"""Whose project is it, and which projects is this index for? By names and patterns, without looking anything up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

_WILDCARDS = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """The uploader: the account's name (else `uid:1043`; None if unknown), and its groups.

    `doubt` says why another account may have written the file; None if none can.
    """

    name: str | None
    groups: frozenset[str] = frozenset()
    doubt: str | None = None


def matches(project: str, pattern: str) -> bool:
    """Whether a normalised project name is meant by a pattern with `*`, `?` and `[…]`."""
    return fnmatchcase(project, pattern)


def first_match(project: str, patterns: Iterable[str]) -> str | None:
    """The first pattern that means the project; None if none does."""
    return next((pattern for pattern in patterns if matches(project, pattern)), None)


def owners_of(project: str, owners: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    """Those whom the most specific pattern for the project names; None if no pattern means it.

    A name without wildcards is the most specific, then the pattern with the most other characters; where
    several are equal, all their owners count.
    """
    fitting = [pattern for pattern in owners if matches(project, pattern)]
    if not fitting:
        return None
    best = max(map(_specificity, fitting))
    return frozenset().union(*(owners[pattern] for pattern in fitting if _specificity(pattern) == best))


def _specificity(pattern: str) -> tuple[bool, int]:
    return _WILDCARDS.search(pattern) is None, len(_WILDCARDS.sub("", pattern))


def is_among(account: Publisher, owners: Iterable[str]) -> bool:
    """Whether an account is named, or one of its groups as `@group`."""
    return any(
        owner.removeprefix("@") in account.groups if owner.startswith("@") else owner == account.name
        for owner in owners
    )


def may_change(
    account: Publisher, project: str, owners: Mapping[str, frozenset[str]], first_uploader: str | None
) -> bool:
    """Whether an account may yank and remove a project's files: as an owner, or else as who uploaded its first one."""
    named = owners_of(project, owners)
    return account.name is not None and (account.name == first_uploader if named is None else is_among(account, named))

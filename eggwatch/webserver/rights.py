"""Checks whether a user may upload a file that is already published; for other files, the pipeline does this."""

from __future__ import annotations

from eggwatch.linux.accounts import groups_of, uid_of
from eggwatch.model.names import Filename, parse_filename
from eggwatch.model.verdicts import Flaw
from eggwatch.policy.admission import Upload, ownership, reserved_name
from eggwatch.policy.ownership import Publisher
from eggwatch.readers.local import IndexReader


def lacking(reader: IndexReader, user: str, filename: str) -> tuple[Flaw, ...]:
    """The rights that a user lacks to upload a file, as if nobody knew it: the same bytes say no more to a stranger."""
    parsed, terms = parse_filename(filename), reader.config.terms
    if not isinstance(parsed, Filename):
        return ()
    with reader.catalog() as catalog:
        first = None if catalog is None else catalog.first_uploader(parsed.project)
    account = Publisher(name=user, groups=groups_of(uid_of(user)))
    upload = Upload(filename=parsed, sha256="", inspection=None, holding=None, account=account, first_uploader=first)
    return tuple(flaw for rule in (reserved_name, ownership) for flaw in rule(upload, parsed.project, terms))

"""May this upload be published? One small function per rule of the index; `rules` has the table of all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from packaging.utils import canonicalize_version

from eggwatch.model.archives import Inspection
from eggwatch.model.codes import Code
from eggwatch.model.names import Filename, Kind, Project, shown
from eggwatch.model.verdicts import Admit, Defer, Flaw, Known, Leave, Level, Reject, Verdict
from eggwatch.policy.ownership import Publisher, first_match, is_among, owners_of
from eggwatch.policy.rules import RULES, Profile, Weight
from eggwatch.policy.terms import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What the index knows of a filename already (compared normalised)."""

    filename: str
    sha256: str
    serial: int
    present: bool
    """False when it was removed: it may return, with the same bytes only."""
    at: str
    uploader: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A removed file whose name and bytes may not return, since when, and why."""

    filename: str
    sha256: str
    at: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Everything that the rules may look at; what they don't ask for need not be looked up."""

    filename: Filename | Flaw
    sha256: str
    inspection: Inspection | None
    """None when the same bytes are published already: then nothing needs opening."""
    holding: Holding | None
    overdue: bool = False
    """The upload has been unfinished for longer than `unfinished-after`."""
    size: int = 0
    account: Publisher | None = None
    """None if the owner of the project does not matter."""
    twin: str | None = None
    """The filename under which the same bytes are published."""
    other_sdist: str | None = None
    """Another sdist of the same release."""
    project_size: int = 0
    """Bytes of the project's published files."""
    removed_at: str | None = None
    """When the same bytes were removed, if the original was in the drop folder already; else None."""
    first_uploader: str | None = None
    """Who uploaded the project's first file; None if there is none, or it is unknown."""
    block: Block | None = None


IndexRule = Callable[[Upload, Project, Terms], Iterator[Flaw]]


def _flaw(code: str, subject: str, message: str) -> Flaw:
    return Flaw(code=code, subject=shown(subject), message=message)


def blocked(upload: Upload, _project: Project, _terms: Terms) -> Iterator[Flaw]:
    """What was removed for good does not return: neither its bytes, under whatever name, nor its name."""
    block = upload.block
    if block is None:
        return
    why = f": {block.reason}" if block.reason else ""
    what = f"{block.filename} was removed at {block.at} and is blocked{why}"
    if block.sha256 == upload.sha256:
        rest = "This file has the same content, which is rejected under any name. Leave out what must not be published"
    else:
        rest = "That filename can't be used again"
    yield _flaw(
        Code.BLOCKED,
        block.filename,
        f"{what}. {rest}; increase the version and build again, or ask the administrator to unblock it.",
    )


def filename_reuse(upload: Upload, _project: Project, _terms: Terms) -> Iterator[Flaw]:
    """A filename is never used again for other bytes (PEP 592's premise; PyPI: "File already exists")."""
    holding = upload.holding
    if holding is None or holding.sha256 == upload.sha256 or upload.block is not None:
        return
    who = f" by {holding.uploader}" if holding.uploader else ""
    if holding.present:
        yield _flaw(
            Code.FILE_EXISTS,
            holding.filename,
            f"File already exists: {holding.filename} was published at {holding.at}{who} with other bytes "
            f"(sha256 {holding.sha256[:16]}…, this one {upload.sha256[:16]}…). A published file never changes: "
            "increase the version and build again.",
        )
    else:
        yield _flaw(
            Code.FILENAME_USED_BEFORE,
            holding.filename,
            f"{holding.filename} was published{who} with other bytes and has been removed since. A filename is "
            "never used again for other bytes: increase the version and build again.",
        )


def same_bytes(upload: Upload, _project: Project, _terms: Terms) -> Iterator[Flaw]:
    """The same bytes have one name (PyPI compares blake2 digests)."""
    if upload.twin is not None:
        yield _flaw(
            Code.SAME_BYTES,
            upload.twin,
            f"The same bytes (sha256 {upload.sha256[:16]}…) are published as {upload.twin}. If that name is right, "
            "nothing is to be done; else build it again under a version or build number of its own.",
        )


def one_sdist(upload: Upload, _project: Project, _terms: Terms) -> Iterator[Flaw]:
    """A release has one sdist (PEP 527; PyPI: "Only one sdist may be uploaded per release.")."""
    if upload.other_sdist is not None:
        yield _flaw(
            Code.SDIST_EXISTS,
            upload.other_sdist,
            f"This release has an sdist already, {upload.other_sdist}, and can have one only. Increase the version and "
            "build again, or have the other one removed first.",
        )


def file_size(upload: Upload, _project: Project, terms: Terms) -> Iterator[Flaw]:
    """A file is not larger than `max-file-size`."""
    if terms.max_file_size is not None and upload.size > terms.max_file_size:
        yield _flaw(
            Code.FILE_TOO_LARGE,
            f"{upload.size} bytes",
            f"The file has {upload.size} bytes; this index takes {terms.max_file_size} (max-file-size). Leave data "
            "out of the archive, or ask the administrator.",
        )


def project_size(upload: Upload, project: Project, terms: Terms) -> Iterator[Flaw]:
    """The files of a project are together not larger than `max-project-size`."""
    if terms.max_project_size is not None and upload.project_size + upload.size > terms.max_project_size:
        yield _flaw(
            Code.PROJECT_TOO_LARGE,
            project,
            f"{project} has {upload.project_size} bytes already and would have {upload.project_size + upload.size}; "
            f"this index takes {terms.max_project_size} (max-project-size). Have old releases removed, or ask the "
            "administrator.",
        )


def allowed_name(_upload: Upload, project: Project, terms: Terms) -> Iterator[Flaw]:
    """Where names are allowed one by one (`allowed-names`), this is one of them."""
    if terms.allowed_names and first_match(project, terms.allowed_names) is None:
        yield _flaw(
            Code.NAME_NOT_ALLOWED,
            project,
            f"This index takes only projects called {_listed(terms.allowed_names)} (allowed-names). Rename the "
            "project, or ask the administrator.",
        )


def forbidden_name(_upload: Upload, project: Project, terms: Terms) -> Iterator[Flaw]:
    """Check that the name matches none of `forbidden-names`."""
    pattern = first_match(project, terms.forbidden_names)
    if pattern is not None:
        yield _flaw(
            Code.NAME_FORBIDDEN,
            project,
            f"This index takes no project called {pattern} (forbidden-names). Rename the project, or ask the "
            "administrator.",
        )


def reserved_name(_upload: Upload, project: Project, terms: Terms) -> Iterator[Flaw]:
    """Below a reserved prefix only those may publish whom `owners` names."""
    prefix = next((prefix for prefix in terms.reserved_prefixes if project.startswith(prefix)), None)
    if prefix is not None and owners_of(project, terms.owners) is None:
        yield _flaw(
            Code.NAME_RESERVED,
            project,
            f"Names that begin with {prefix} are reserved (reserved-prefixes), and 'owners' has no entry for "
            f"{project}. Rename the project, or ask the administrator to name its owners.",
        )


def archived_project(_upload: Upload, project: Project, terms: Terms) -> Iterator[Flaw]:
    """An archived project takes no uploads (PEP 792)."""
    if project in terms.archived:
        yield _flaw(
            Code.PROJECT_ARCHIVED,
            project,
            f"{project} is archived and takes no uploads. Its files can still be installed. Ask the administrator if "
            "it is to be taken up again.",
        )


def ownership(upload: Upload, project: Project, terms: Terms) -> Iterator[Flaw]:
    """Only a project's owners upload to it, where it has any."""
    account, owners = upload.account, owners_of(project, terms.owners)
    if account is None or (owners is None and not terms.first_uploader_owns):
        return
    others = _rightful(account, owners, upload.first_uploader)
    if others is not None:
        yield _foreign(account, project, others)
    elif account.doubt is not None:
        yield _unproven(account, project)


def _rightful(account: Publisher, owners: Iterable[str] | None, first_uploader: str | None) -> str | None:
    """Whose uploads are taken instead of this account's; None if it is one of them."""
    if owners is not None:
        return None if is_among(account, owners) else f"{_listed(sorted(owners))} (owners)"
    if account.name is None:
        return "users who are known (first-uploader-owns)"
    if first_uploader not in (None, account.name):
        return f"{first_uploader}, who uploaded its first file (first-uploader-owns)"
    return None


def _unproven(account: Publisher, project: Project) -> Flaw:
    return _flaw(
        Code.NOT_OWNER,
        project,
        f"This file belongs to the account {account.name}, but {account.doubt}: so it is not certain who wrote it, and "
        f"uploads to {project} are accepted from its owners only. Run 'chmod g-w,o-w' on the file that you copy from, "
        "set 'umask 022', and copy it again.",
    )


def _foreign(account: Publisher, project: Project, who: str) -> Flaw:
    whose = f"was uploaded by {account.name}. Let one of the owners upload it"
    if account.name is None:
        whose = "is not in the folder of an account. Copy it to the folder of your account in the drop folder"
    return _flaw(
        Code.NOT_OWNER,
        project,
        f"Uploads to {project} are accepted from {who}; this file {whose}, or ask the administrator to name you among "
        "them.",
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


INDEX_RULES: tuple[IndexRule, ...] = (
    blocked,
    filename_reuse,
    same_bytes,
    one_sdist,
    file_size,
    project_size,
    allowed_name,
    forbidden_name,
    reserved_name,
    archived_project,
    ownership,
)
"""What only the index can judge; the archive's own flaws come from the inspector."""


def flaws_of(upload: Upload, terms: Terms) -> tuple[Flaw, ...]:
    """All flaws at once, in the order of the rules, as they were found: not weighed yet."""
    inspected = () if upload.inspection is None else upload.inspection.flaws
    if isinstance(upload.filename, Flaw):
        return inspected
    project = upload.filename.project
    return (*inspected, *(flaw for rule in INDEX_RULES for flaw in rule(upload, project, terms)))


def judge(upload: Upload, terms: Terms | None = None) -> Verdict:
    """The verdict on one upload."""
    terms, holding = terms or Terms(), upload.holding
    if holding is not None and holding.present and holding.sha256 == upload.sha256:
        return Known(serial=holding.serial)
    if upload.removed_at is not None and upload.block is None:
        return Leave(removed_at=upload.removed_at)
    unfinished = upload.inspection.incomplete if upload.inspection else None
    if unfinished is not None and not upload.overdue:
        return Defer(reason=unfinished)
    found = flaws_of(upload, terms)
    flaws = weigh(found, terms.profile, terms.rules)
    if _refuses(flaws):
        return Reject(flaws=flaws)
    # What kept us from the metadata refuses, whatever the configuration says: there is nothing to publish it by.
    if upload.inspection is not None and upload.inspection.core is None and _refuses(found):
        return Reject(flaws=found)
    return Admit(warnings=flaws)


def _refuses(flaws: tuple[Flaw, ...]) -> bool:
    return any(flaw.level is Level.REFUSE for flaw in flaws)


def scarce(filename: Filename | Flaw, sha256: str, terms: Terms, *, orphan: bool) -> frozenset[str]:
    """What only one upload at a time may be judged for, so that those claimed later see what became of it.

    `orphan` says that the project has no first uploader yet.
    """
    wanted = {f"bytes {sha256}"}
    if isinstance(filename, Flaw):
        return frozenset(wanted)
    if filename.kind is Kind.SDIST:
        wanted.add(f"sdist {filename.project} {canonicalize_version(filename.version)}")
    if terms.max_project_size is not None or (terms.first_uploader_owns and orphan):
        wanted.add(f"project {filename.project}")
    return frozenset(wanted)


NO_OVERRIDES: Mapping[str, Weight] = {}


def weigh(
    flaws: Iterable[Flaw], profile: Profile = Profile.DEFAULT, overrides: Mapping[str, Weight] = NO_OVERRIDES
) -> tuple[Flaw, ...]:
    """The flaws with their levels in this index, in the same order, without those whose rule is off.

    `overrides` are weights by code. They override the profile, except for fixed rules. A flaw whose code is not in the
    table keeps its level.
    """
    weighed = ((flaw, weight_of(flaw, profile, overrides)) for flaw in flaws)
    return tuple(replace(flaw, level=Level(weight)) for flaw, weight in weighed if weight is not Weight.OFF)


def weight_of(flaw: Flaw, profile: Profile, overrides: Mapping[str, Weight]) -> Weight:
    """What one flaw weighs."""
    rule = RULES.get(flaw.code)
    if rule is None:
        return Weight(flaw.level)
    if flaw.code in overrides and not rule.fixed:
        return overrides[flaw.code]
    if rule.milder and flaw.level is Level.WARN and profile is not Profile.STRICT:
        return Weight.WARN
    return rule.weight(profile)

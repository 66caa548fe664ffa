"""What must be so once everything is at rest again: nothing is lost, nothing is left, all is told."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eggwatch.maintenance.verify import Verification
from eggwatch.store import ballast
from eggwatch.store.state.ledger import Ledger
from eggwatch.store.state.replay import catalog_of
from tests.laws.crash.history import Journal, archives
from tests.laws.crash.places import Place

Facts = dict[str, Any]
SAME_BYTES = (".whl", ".gz", ".metadata", ".html", ".v1_html", ".v1_json", ".txt", ".jsonl")
ANSWERS = ("rejected", "receipts", "README.txt")


def facts_of(place: Place) -> Facts:
    """What the index says and keeps, comparable between runs."""
    config = place.config
    ledger = Ledger(config.state / "ledger.jsonl")
    catalog = catalog_of(ledger)
    events = Counter(
        f"{entry.event.kind} {entry.event.filename} {(entry.event.sha256 or '')[:12]}" for entry in ledger.read()
    )
    files = [
        [record.file.filename, record.file.sha256, record.present, record.file.yanked]
        for record in catalog.every_file()
    ]
    return {
        "events": dict(sorted(events.items())),
        "files": sorted(files),
        "kept": sorted(set(kept(config.drop))),
        "receipts": receipts(config.drop),
        "public": modes_of(config.public),
        "state": modes_of(config.state, leave_out=("orders",)),
        "drop": modes_of(config.drop, leave_out=("earlier",)),
    }


def kept(drop: Path) -> Iterator[str]:
    """The refused archives in rejected/, by sha256, with whether a reason lies beside each."""
    for path in sorted((drop / "rejected").rglob("*")):
        if path.is_file() and ".reason." not in path.name:
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            reason = path.with_name(f"{path.name}.reason.json")
            fits = reason.exists() and json.loads(reason.read_bytes())["sha256"] == sha256
            yield f"{path.name.partition('-')[2]} {sha256[:12]} {'explained' if fits else 'WITHOUT ITS REASON'}"


def receipts(drop: Path) -> dict[str, str]:
    """The verdict on the first line of each receipt."""
    found = {}
    for path in sorted((drop / "receipts").iterdir()):
        line = path.read_text().partition("\n")[0]
        found[path.name] = "published" if ": PUBLISHED" in line else "refused" if ": REJECTED" in line else line
    return found


def modes_of(folder: Path, leave_out: tuple[str, ...] = ()) -> dict[str, str]:
    """Every path below a folder with its mode, but for the ballast, which may be lost and is made anew."""
    return {
        str(path.relative_to(folder)): stat.filemode(path.lstat().st_mode)
        for path in sorted(folder.rglob("*"))
        if not any(part in (*leave_out, ballast.NAME) for part in path.relative_to(folder).parts)
    }


def tree_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Every path below a folder, with mode, links, size and, where it is the same in each run, the bytes."""
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        name = re.sub("[0-9a-f]{16}", "RANDOM", str(path.relative_to(folder.parent)))
        size = hashlib.sha256(path.read_bytes()).hexdigest() if path.suffix in SAME_BYTES else status.st_size
        yield name, f"{stat.filemode(status.st_mode)} {status.st_nlink} {'' if path.is_dir() else size}"


def problems_at_rest(place: Place) -> Iterator[str]:
    """Everything that is wrong, in the place alone."""
    config = place.config
    for finding in Verification(config).run():
        yield f"audit: {finding.where}: {finding.problem}"
    yield from _untold(place)
    yield from _lost(place)
    for path in sorted(config.drop.rglob("*")):
        if path.is_file() and path.relative_to(config.drop).parts[0] not in ANSWERS:
            yield f"{path.relative_to(config.drop)} is left in the drop folder"
    spool = [path.name for path in sorted((config.public / ".eggwatch").rglob("*")) if path.is_file()]
    spool = [name for name in spool if name != ballast.NAME]
    if spool:
        yield f"left in the spool: {', '.join(spool)}"


def _untold(place: Place) -> Iterator[str]:
    told_file = place.outside / "told"
    lines = told_file.read_text().splitlines() if told_file.exists() else []
    told = {(line["serial"], line["sha256"]) for line in map(json.loads, lines)}
    entries = list(Ledger(place.config.state / "ledger.jsonl").read())
    happened = {(entry.serial, entry.sha256) for entry in entries}
    for serial, _ in sorted(happened - told):
        yield f"event {serial} was never announced"
    for serial, _ in sorted(told - happened):
        yield f"event {serial} was announced, and has not happened"


def _lost(place: Place) -> Iterator[str]:
    """Every upload so far was durable in the drop folder: each is published, or refused and kept."""
    notes = Journal(place.outside / "journal").lines()
    entries = list(Ledger(place.config.state / "ledger.jsonl").read())
    judged = {(entry.event.filename, entry.event.sha256): entry for entry in entries if entry.event.kind in _VERDICTS}
    lying = {line.split()[1] for line in kept(place.config.drop)}
    for key, (filename, data) in archives().items():
        sha256 = hashlib.sha256(data).hexdigest()
        entry = judged.get((filename, sha256))
        if not any(note.endswith(f" uploaded {key}") for note in notes):
            continue
        if entry is None:
            yield f"the upload {key} has no verdict"
        elif entry.event.kind == "rejected" and sha256[:12] not in lying:
            yield f"the refused upload {key} is not kept"


_VERDICTS = ("admitted", "rejected")


def differences(now: Facts, unkilled: Facts) -> Iterator[str]:
    """Where the outcome differs from that of the same history without a crash."""
    for what, wanted in unkilled.items():
        found = now[what]
        if found == wanted:
            continue
        if isinstance(wanted, dict):
            keys = sorted(key for key in {*wanted, *found} if wanted.get(key) != found.get(key))
            yield f"{what}: " + "; ".join(f"{key}: {found.get(key)} instead of {wanted.get(key)}" for key in keys)
        else:
            extra = [item for item in found if item not in wanted]
            missing = [item for item in wanted if item not in found]
            yield f"{what}: too much: {extra}, missing: {missing}"

"""Orders that arrive in STATE/orders/, carried out by whoever holds the lock."""

from __future__ import annotations

from typing import Any

from eggwatch.model.events import Entry, timestamp
from eggwatch.pipeline import Pipeline
from eggwatch.policy.orders import VERBS, Order, events_of, matching, parse_spec


def read_order(data: dict[str, Any]) -> Order | str:
    """The order in a JSON object, or what is wrong with it."""
    verb = VERBS.get(str(data.get("verb")))
    spec = parse_spec(str(data.get("spec", "")))
    if verb is None:
        return f"there is no order {data.get('verb')!r}"
    if spec is None:
        return f"{data.get('spec')!r} is no project, no project==version and no filename"
    reason = data.get("reason")
    if reason and not str(reason).isprintable():
        return "the reason must be one line without control characters"
    return verb(spec=spec, reason=str(reason) if reason else None, actor=str(data.get("actor", "unknown")))


def carry_out(pipeline: Pipeline, data: dict[str, Any]) -> dict[str, Any]:
    """Carry an order out, or only say what it would do; answers with a JSON object."""
    order = read_order(data)
    if isinstance(order, str):
        return {"error": order, "changed": [], "matched": 0}
    records = pipeline.parts.catalog.files(order.spec.project)
    files = [record.file for record in records if record.state == "present"]
    matched = matching(order.spec, files)
    if data.get("dry_run"):
        events = events_of(order, files, at=timestamp(pipeline.parts.now()))
        return {"changed": [event.filename for event in events], "matched": len(matched)}
    entries = pipeline.obey(order)
    return {
        "changed": [entry.event.filename for entry in entries],
        "matched": len(matched),
        "serials": _serials(entries),
    }


def _serials(entries: list[Entry]) -> list[int]:
    return [entry.serial for entry in entries]

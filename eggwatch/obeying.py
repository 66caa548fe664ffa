"""Orders that arrive in STATE/orders/, carried out by whoever holds the lock: the daemon, or any command."""

from __future__ import annotations

from typing import Any

from eggwatch.announcing import entries_after
from eggwatch.model.events import Entry, timestamp
from eggwatch.pipeline import Pipeline
from eggwatch.policy.orders import EVENTS, VERBS, Order, events_of, matching, parse_spec
from eggwatch.rounds import run_until_rest, summary
from eggwatch.store import orders
from eggwatch.store.orders import OrderBox


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


def is_round(order: orders.Order) -> bool:
    """Whether a whole round is wanted (`run --once`)."""
    return order.data.get("verb") == "round"


def obey(pipeline: Pipeline, box: OrderBox, order: orders.Order) -> None:
    """Carry out one order from the box, and answer it when all pages show it."""
    if not box.begin(order, serial=pipeline.parts.ledger.end.serial):
        return
    earlier = _done_already(pipeline, order)
    answer = carry_out(pipeline, order.data)
    if earlier:
        answer["changed"] = [entry.event.filename for entry in earlier] + answer["changed"]
        answer["serials"] = _serials(earlier) + answer["serials"]
        answer["matched"] = max(answer["matched"], len(answer["changed"]))
    pipeline.parts.front.finish()
    box.answer(order.number, answer)


def _done_already(pipeline: Pipeline, order: orders.Order) -> list[Entry]:
    """What a writer who died had committed of an order: it is finished before anything else is committed."""
    kind = EVENTS.get(str(order.data.get("verb")))
    if order.after is None or kind is None or order.data.get("dry_run"):
        return []
    entries = entries_after(pipeline.parts.ledger, pipeline.parts.catalog, order.after)
    return [entry for entry in entries if entry.event.kind == kind]


def finish_begun(pipeline: Pipeline, box: OrderBox) -> None:
    """Bring orders to their end that a writer who died had begun: the first thing that an opened index does."""
    for order in box.pending():
        if order.after is not None and not is_round(order):
            obey(pipeline, box, order)


def drain(pipeline: Pipeline, box: OrderBox) -> None:
    """Carry out all that lies in the box, the oldest order first, and answer each."""
    finish_begun(pipeline, box)
    for order in box.pending():
        pipeline.recover()  # what was claimed before an order was given is meant by it
        if not is_round(order):
            obey(pipeline, box, order)
        elif box.begin(order, serial=pipeline.parts.ledger.end.serial):
            since = pipeline.tally.counts()
            run_until_rest(pipeline)
            box.answer(order.number, summary(pipeline, since=since))

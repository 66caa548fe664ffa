"""Orders that arrive in STATE/orders/, carried out by whoever holds the lock: the daemon, or any command."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from eggwatch.linux.accounts import groups_of, uid_of
from eggwatch.model.events import Entry, Event
from eggwatch.model.names import Project
from eggwatch.pipeline.judge import held_of
from eggwatch.pipeline.pipeline import Pipeline
from eggwatch.pipeline.rounds import run_until_rest, summary
from eggwatch.policy.orders import EVENTS, VERBS, Order, Remove, matching, parse_spec
from eggwatch.policy.ownership import Publisher, may_change
from eggwatch.store.state import orders
from eggwatch.store.state.history import entries_after
from eggwatch.store.state.orders import OrderBox
from eggwatch.writer import copies


def read_order(data: dict[str, Any]) -> Order | str:
    """The order in a JSON object, or what is wrong with it."""
    verb = VERBS.get(str(data.get("verb")))
    spec = parse_spec(str(data.get("spec", "")))
    if verb is None:
        return f"there is no order {data.get('verb')!r}"
    if spec is None:
        return f"{data.get('spec')!r} is not a project, project==version or filename"
    reason = data.get("reason")
    if reason and not str(reason).isprintable():
        return "the reason must be one line without control characters"
    spec = replace(spec, only=frozenset(map(str, only))) if isinstance(only := data.get("only"), list) else spec
    order = verb(spec=spec, reason=str(reason) if reason else None, actor=str(data.get("actor", "unknown")))
    if isinstance(order, Remove):
        return replace(order, now=bool(data.get("now")), block=bool(data.get("block")))
    return order


def carry_out(pipeline: Pipeline, data: dict[str, Any]) -> dict[str, Any]:
    """Carry an order out, or only say what it would do; answers with a JSON object."""
    order = read_order(data)
    if isinstance(order, str):
        return {"error": order, "changed": [], "matched": 0}
    if (user := data.get("user")) is not None and not _may_change(pipeline, str(user), order.spec.project):
        return {"error": _FOREIGN.format(order.spec.project), "forbidden": True, "changed": [], "matched": 0}
    held = held_of(pipeline.components.catalog, pipeline.components.ledger, order.spec.project)
    matched = {"matched": len(matching(order, held))}
    if data.get("dry_run"):
        events = pipeline.events_of(order)
        return {"changed": [event.filename for event in events], **matched, **removal(pipeline, order, events)}
    entries = pipeline.obey(order)
    answer = {"changed": [entry.event.filename for entry in entries], **matched, "serials": _serials(entries)}
    return answer | removal(pipeline, order, [entry.event for entry in entries])


_FOREIGN = (
    "{} is not yours: its owners may do that ('owners' of the configuration names them; if it names none, it is who "
    "uploaded the project's first file)"
)


def _may_change(pipeline: Pipeline, user: str, project: Project) -> bool:
    """Whether a user who gives an order over HTTP owns the project."""
    account = Publisher(name=user, groups=groups_of(uid_of(user)))
    first = pipeline.components.catalog.first_uploader(project)
    return may_change(account, project, pipeline.config.terms.owners, first)


def removal(pipeline: Pipeline, order: Order, events: list[Event]) -> dict[str, Any]:
    """What the answer to a removal contains beside its files; nothing for other orders."""
    if not isinstance(order, Remove):
        return {}
    moments = [event.bytes_until for event in events if event.bytes_until is not None]
    parts = pipeline.components
    elsewhere = copies.elsewhere(
        events,
        drop=parts.drop.root,
        quarantine=parts.spool.quarantine,
        pool=parts.pool,
        ledger=parts.ledger,
        catalog=parts.catalog,
    )
    return {"bytes_until": max(moments, default=None), "blocked": order.block, "elsewhere": elsewhere}


def _serials(entries: list[Entry]) -> list[int]:
    return [entry.serial for entry in entries]


def is_round(order: orders.PendingOrder) -> bool:
    """Whether a whole round is wanted (`run --once`)."""
    return order.data.get("verb") == "round"


class Box(Protocol):
    """Where an order came from, and its answer goes."""

    def begin(self, order: orders.PendingOrder, *, serial: int) -> bool: ...

    def answer(self, number: str, answer: dict[str, Any]) -> None: ...


def obey(pipeline: Pipeline, box: Box, order: orders.PendingOrder) -> None:
    """Carry out one order from the box, and answer it when all pages show it."""
    if not box.begin(order, serial=pipeline.components.ledger.end.serial):
        return
    earlier = _done_already(pipeline, order)
    answer = carry_out(pipeline, order.data)
    if earlier:
        answer["changed"] = [entry.event.filename for entry in earlier] + answer["changed"]
        answer["serials"] = _serials(earlier) + answer["serials"]
        answer["matched"] = max(answer["matched"], len(answer["changed"]))
        if isinstance(told := read_order(order.data), Remove):
            answer |= removal(pipeline, told, [entry.event for entry in earlier])
    pipeline.components.front.finish()
    box.answer(order.number, answer)


def _done_already(pipeline: Pipeline, order: orders.PendingOrder) -> list[Entry]:
    """What a writer who died had committed of an order: it is finished before anything else is committed."""
    kind = EVENTS.get(str(order.data.get("verb")))
    if order.after is None or kind is None or order.data.get("dry_run"):
        return []
    entries = entries_after(pipeline.components.ledger, pipeline.components.catalog, order.after)
    return [entry for entry in entries if entry.event.kind == kind]


def finish_begun(pipeline: Pipeline, box: OrderBox) -> None:
    """Bring orders to their end that a writer who died had begun: the first thing that an opened index does."""
    for order in box.pending():
        if order.after is not None and not is_round(order):
            obey(pipeline, box, order)


def drain(pipeline: Pipeline, box: OrderBox) -> None:
    """Carry out all waiting orders, the oldest first, and answer each."""
    finish_begun(pipeline, box)
    for order in box.pending():
        pipeline.recover()  # what was claimed before an order was given is meant by it
        if not is_round(order):
            obey(pipeline, box, order)
        elif box.begin(order, serial=pipeline.components.ledger.end.serial):
            since = pipeline.tally.counts()
            run_until_rest(pipeline)
            box.answer(order.number, summary(pipeline, since=since))

"""The state of each index as Prometheus metrics. Imported only if they are configured: the library is an extra."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from eggwatch import __version__
from eggwatch.model.events import seconds_of
from eggwatch.model.status import Status
from eggwatch.pipeline.measures import BOUNDS, Sample

Samples = Callable[[], Iterable[Sample]]


def _seconds(at: str | None) -> float | None:
    return None if at is None else seconds_of(at)


SIMPLE: tuple[tuple[str, str, Callable[[Status], float | None]], ...] = (
    ("serial", "Serial of the last event in the ledger.", lambda state: state.serial),
    ("projects", "Projects in the index.", lambda state: state.projects),
    ("files", "Published files.", lambda state: state.files),
    ("pages_stale", "Projects whose pages are waiting to be rendered.", lambda state: state.pages_stale),
    ("faults", "Problems; 'eggwatch status' shows them.", lambda state: state.faults_count),
    (
        "watching",
        "1 if inotify reports uploads, 0 if only scans find them.",
        lambda state: float(state.watcher is not None and state.watcher.mode == "events"),
    ),
    (
        "queue_oldest_age_seconds",
        "Age of the oldest waiting upload; 0 without one.",
        lambda state: state.oldest_waiting_seconds or 0.0,
    ),
    ("min_free_bytes", "Uploads wait when less than this is free.", lambda state: state.min_free),
    (
        "last_event_timestamp_seconds",
        "When the last event happened.",
        lambda state: _seconds(state.last_event_at),
    ),
    (
        "verify_last_timestamp_seconds",
        "When eggwatch verify last finished.",
        lambda state: _seconds(None if state.last_verify is None else state.last_verify.at),
    ),
    (
        "verify_findings",
        "Findings of the last eggwatch verify.",
        lambda state: None if state.last_verify is None else state.last_verify.findings,
    ),
)
"""Gauges with one value for each index, without their prefix; None if there is no value."""


def families(samples: Iterable[Sample]) -> Iterator[Metric]:
    """All metrics of some indexes, except unknown values of an index that is down."""
    samples = list(samples)
    yield from _lives(samples)
    told = [(sample, sample.state) for sample in samples if sample.state is not None]
    for name, text, value_of in SIMPLE:
        values = [(sample.index, value_of(state)) for sample, state in told]
        yield _gauge(name, text, [], [((index,), value) for index, value in values if value is not None])
    yield from _several(told)
    yield from _counters([sample for sample, _ in told])


def _gauge(
    name: str, text: str, labels: list[str], values: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"eggwatch_{name}", text, labels=["index", *labels])
    for places, value in values:
        family.add_metric(places, value)
    return family


def _lives(samples: list[Sample]) -> Iterator[Metric]:
    ups = [((one.index,), float(one.state is not None)) for one in samples]
    readies = [((one.index,), float(one.state is not None and one.state.ready is True)) for one in samples]
    builds = [((one.index, __version__, platform.python_version()), 1.0) for one in samples]
    yield _gauge("up", "1 while a daemon is running for the index.", [], ups)
    yield _gauge("ready", "1 when all that was there at start has been looked at.", [], readies)
    yield _gauge("build_info", "The version at work.", ["version", "python"], builds)
    beats = [((one.index,), one.at) for one in samples]
    yield _gauge("last_beat_timestamp_seconds", "When the daemon last reported; a hung one stops reporting.", [], beats)


def _several(told: list[tuple[Sample, Status]]) -> Iterator[Metric]:
    """Gauges with several values for each index."""
    stages = [
        ((sample.index, stage), float(count))
        for sample, state in told
        for stage, count in (state.queue_counts or {}).items()
    ]
    yield _gauge("queue_length", "Uploads without a verdict.", ["stage"], stages)
    free = [((one.index, name), free) for one, state in told for name, free in (state.disk_free or {}).items()]
    known = [(places, float(value)) for places, value in free if value is not None]
    yield _gauge("disk_free_bytes", "Free space on the file system of a folder.", ["folder"], known)
    behind = [((one.index, name), float(count)) for one, state in told for name, count in (state.behind or {}).items()]
    yield _gauge("notifier_behind_events", "Events that a notifier has not delivered yet.", ["notifier"], behind)


def _counters(samples: list[Sample]) -> Iterator[Metric]:
    verdicts = CounterMetricFamily("eggwatch_verdicts", "Verdicts on uploads.", labels=["index", "verdict"])
    flaws = CounterMetricFamily("eggwatch_flaws", "Flaws found in uploads.", labels=["index", "code", "level"])
    latency = HistogramMetricFamily(
        "eggwatch_publish_latency_seconds", "From the claim of a finished upload to its page.", labels=["index"]
    )
    for sample in samples:
        for verdict, count in sample.verdicts.items():
            verdicts.add_metric([sample.index, verdict], count)
        for (code, level), count in sorted(sample.flaws.items()):
            flaws.add_metric([sample.index, code, level], count)
        ends = [*map(floatToGoString, BOUNDS), "+Inf"]
        buckets = list(zip(ends, map(float, accumulate(sample.latencies)), strict=True))
        latency.add_metric([sample.index], buckets, sample.latency_total)
    yield from (verdicts, flaws, latency)


class _Samples(Collector):
    def __init__(self, source: Samples) -> None:
        self._source = source

    def collect(self) -> Iterable[Metric]:
        """The metrics of this moment."""
        return families(self._source())


def _registry(source: Samples) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Samples(source))
    return registry


def text_of(samples: Iterable[Sample]) -> bytes:
    """The metrics in the text format."""
    return generate_latest(_registry(lambda: samples))


def serve(host: str, port: int, source: Samples) -> tuple[int, Callable[[], None]]:
    """Serve GET /metrics in a thread; returns the port, and a function that stops it. OSError if it cannot listen."""
    server, thread = start_http_server(port, host, _registry(source))

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join(5.0)

    return server.server_port, stop

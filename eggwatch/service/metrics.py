"""Metrics, if configured: a file for node_exporter (`metrics` of an index), and an address for Prometheus."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from eggwatch.config.index_config import Config
from eggwatch.errors import ConfigurationError
from eggwatch.linux.systemd import line_lacking
from eggwatch.pipeline.measures import Sample
from eggwatch.store import durable
from eggwatch.store.durable import Permissions

log = logging.getLogger("eggwatch")

SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 15.0
"""Seconds after which a file is written even without changes: its age shows whether the daemon is running."""
READABLE = Permissions(file=0o644)
"""Readable for others, because node_exporter has its own account."""


def require_library(wanted_by: str) -> None:
    """ConfigurationError if the library is missing."""
    if find_spec("prometheus_client") is None:
        raise ConfigurationError(
            f"{wanted_by}, and prometheus-client is not installed.",
            remedy="Install it ('pip install eggwatch[metrics]'), or leave that out.",
        )


class Metrics:
    """The last values of each index, and the files that they are written to."""

    def __init__(self, config: Config) -> None:
        """ConfigurationError if files are wanted and the library is missing."""
        self._files: dict[Path, _File] = {}
        self.samples: tuple[Sample, ...] = ()
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Use a configuration. Indexes with the same file share it."""
        files: dict[Path, _File] = {}
        for index in config.indexes.values():
            if index.metrics is not None:
                require_library(f"[index.{index.name}] metrics is set")
                files.setdefault(index.metrics, _File(index.metrics)).indexes.add(index.name)
        for path in self._files.keys() - files.keys():
            self._files[path].write([_ended(one) for one in self.samples if one.index in self._files[path].indexes])
        self._files = files

    def tell(self, samples: Iterable[Sample]) -> None:
        """Record the current values, and write the files that are due."""
        self.samples = tuple(samples)
        for file in self._files.values():
            file.write([sample for sample in self.samples if sample.index in file.indexes])

    def fault_of(self, index: str) -> str | None:
        """Why the file of an index can't be written; None if it can."""
        return next((file.fault for file in self._files.values() if index in file.indexes), None)

    def end(self) -> None:
        """Write the files once more, because the daemon stops."""
        self.tell(_ended(sample) for sample in self.samples)


def _ended(sample: Sample) -> Sample:
    return Sample(index=sample.index, at=sample.at)


class _File:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.indexes: set[str] = set()
        self.fault: str | None = None
        self._stamps: list[tuple[object, ...]] = []
        self._at = float("-inf")

    def write(self, samples: list[Sample]) -> None:
        """Write after changes, at most once a second; otherwise often enough to show that the daemon is running."""
        stamps, age = [sample.stamp() for sample in samples], time.monotonic() - self._at
        stopped = all(sample.state is None for sample in samples)
        if age < LONGEST_PAUSE and (stamps == self._stamps or (age < SHORTEST_PAUSE and not stopped)):
            return
        self._stamps, self._at = stamps, time.monotonic()
        try:
            from eggwatch.service.exposition import text_of

            durable.replace(self.path, text_of(samples), READABLE)
        except OSError as error:
            self._tell(line_lacking(self.path.parent) or f"{self.path} can't be written: {error.strerror}")
        else:
            self._tell(None)

    def _tell(self, fault: str | None) -> None:
        if fault is not None and fault != self.fault:
            log.error("metrics: %s", fault)
        self.fault = fault


class Endpoint:
    """Serves GET /metrics; listens as soon as it is created. ConfigurationError if it cannot."""

    def __init__(self, metrics: Metrics, *, host: str, port: int) -> None:
        require_library("--metrics is given")
        from eggwatch.service.exposition import serve

        try:
            self.port, self._stop = serve(host, port, lambda: metrics.samples)
        except OSError as error:
            raise ConfigurationError(
                f"--metrics: can't listen on {host}:{port}: {error.strerror or error}.",
                remedy="Choose another port, or 0 for any.",
            ) from error
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}/metrics"

    def stop(self) -> None:
        """Stop the server."""
        self._stop()

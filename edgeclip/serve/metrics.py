"""Metrics: the only importer of prometheus_client; names as OpenTelemetry has them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}

State = Callable[[], Mapping[str, float | Mapping[str, float]]]
"""Name of a gauge, or of a counter that ends in ``_total`` → its value, or those of a label."""


class Metrics:
    """Count what the service does; a registry of its own, so that several may live in a process.

    Args:
        state: asked whenever somebody looks.
        labels: gauge → the name of its label, for those that have one.
    """

    def __init__(self, state: State, labels: Mapping[str, str]) -> None:
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self._registry.register(_State(state, labels))
        self._active = Gauge(
            "http_server_active_requests", "Requests in progress.", registry=self._registry
        )
        self._duration = Histogram(
            "http_server_request_duration_seconds",
            "Time until the end of the answer.",
            ("http_request_method", "http_route", "http_response_status_code"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._inferences = Counter(
            "edgeclip_inferences", "Runs of a tower.", ("tower",), registry=self._registry
        )
        self._batch = Histogram(
            "edgeclip_inference_batch_size",
            "Pictures or texts in one run.",
            ("tower",),
            buckets=(1, 2, 4, 8, 16),
            registry=self._registry,
        )

    def inferred(self, tower: str, count: int) -> None:
        """Note a run of a tower."""
        self._inferences.labels(tower).inc()
        self._batch.labels(tower).observe(count)

    def text(self) -> bytes:
        """Return what Prometheus reads."""
        return generate_latest(self._registry)

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return an application whose requests are counted and timed."""

        async def measured(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            statuses = []

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    statuses.append(message["status"])
                await send(message)

            self._active.inc()
            begun = time.perf_counter()
            try:
                await app(scope, receive, noted)
            finally:
                self._active.dec()
                seconds = time.perf_counter() - begun
                method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
                # The template, not the path: a label for each item would never end.
                route = getattr(scope.get("route"), "path", "")
                status = str(statuses[0]) if statuses else "499"  # the client had gone
                self._duration.labels(method, route, status).observe(seconds)

        return measured


class _State(Collector):
    """Gauges whose values are asked for."""

    def __init__(self, state: State, labels: Mapping[str, str]) -> None:
        self._state, self._labels = state, labels

    def describe(self) -> list[Metric]:
        """Return nothing: nobody shall be asked while this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield what is so now."""
        for name, value in self._state().items():
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            about = name.removeprefix("edgeclip_").replace("_", " ")
            label = self._labels.get(name)
            found = family(name.removesuffix("_total"), about, labels=[label] if label else [])
            values = value if isinstance(value, Mapping) else {"": value}
            for key, number in values.items():
                found.add_metric([key] if label else [], number)
            yield found

"""Numbers for Prometheus: what was received is counted here, the rest is read from the index when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A number as it stands now, or one for each combination of labels."""

    name: str
    text: str
    labels: tuple[str, ...] = ()
    values: Mapping[tuple[str, ...], float] = field(default_factory=dict)


class Metrics:
    """The metrics of one node; no label holds anything of a patient.

    Parameters
    ----------
    senders : mapping
        AE title to the name of a configured peer; all others are ``other``, so that nobody can make labels at will.
    readings : callable
        What stands in the index now; called for every scrape, and may raise: then the scrape fails as a whole.
    """

    def __init__(self, senders: Mapping[str, str], readings: Callable[[], Iterable[Reading]] = tuple) -> None:
        self._senders = senders
        self._registry = CollectorRegistry()
        self._received = Counter(
            "dicomnode_received_instances", "Instances acknowledged.", ["sender"], registry=self._registry
        )
        self._bytes = Counter(
            "dicomnode_received_bytes",
            "Bytes of data sets that arrived, acknowledged or not.",
            ["sender"],
            registry=self._registry,
        )
        self._refused = Counter(
            "dicomnode_refused_instances",
            "Instances refused, by reason.",
            ["sender", "reason"],
            registry=self._registry,
        )
        self._released = Counter(
            "dicomnode_released_associations",
            "Associations that brought instances and ended in good order.",
            ["sender"],
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)
        self._registry.register(_Index(readings))

    def received(self, sender: str, size: int, refusal: str = "") -> None:
        """Count an instance of so many bytes, acknowledged or refused for a reason."""
        name = self._senders.get(sender, "other")
        self._bytes.labels(name).inc(size)
        if refusal:
            self._refused.labels(name, refusal).inc()
        else:
            self._received.labels(name).inc()

    def released(self, sender: str) -> None:
        """Count an association that ended in good order."""
        self._released.labels(self._senders.get(sender, "other")).inc()

    def render(self) -> tuple[bytes, str]:
        """All metrics in Prometheus' text format, and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_1_0_0


class _Index(Collector):
    """What stands in the index now."""

    def __init__(self, readings: Callable[[], Iterable[Reading]]) -> None:
        self._readings = readings

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: reading the index to learn the names would need the index when the node is made."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every reading as a gauge."""
        for reading in self._readings():
            family = GaugeMetricFamily(reading.name, reading.text, labels=reading.labels)
            for labels, value in reading.values.items():
                family.add_metric(labels, value)
            yield family

"""Metrics in Prometheus' format, with labels that nobody outside can make up."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dicomnode.observe.metrics import Metrics, Reading

SENDERS = {"MR1": "scanner"}


def scraped(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Our samples by name and values of its labels, read by the client's own parser."""
    content, kind = metrics.render()
    assert kind.startswith("text/plain; version=1.0.0")
    families = text_string_to_metric_families(content.decode())
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("dicomnode_") and not sample.name.endswith("_created")
    }


def test_what_is_received_is_counted_by_configured_sender() -> None:
    metrics = Metrics(SENDERS)
    metrics.received("MR1", 100)
    metrics.received("MR1", 50, "OtherPatient")
    metrics.received("Doe^John", 7)
    metrics.released("MR1")
    assert scraped(metrics) == {
        ("dicomnode_received_instances_total", "scanner"): 1,
        ("dicomnode_received_instances_total", "other"): 1,
        ("dicomnode_received_bytes_total", "scanner"): 150,
        ("dicomnode_received_bytes_total", "other"): 7,
        ("dicomnode_refused_instances_total", "OtherPatient", "scanner"): 1,
        ("dicomnode_released_associations_total", "scanner"): 1,
    }


def test_what_stands_in_the_index_is_read_at_every_scrape() -> None:
    now = [3.0]

    def readings() -> list[Reading]:
        tasks = Reading(name="dicomnode_tasks", text="Tasks.", labels=("plugin",), values={('a"\n',): now[0]})
        return [tasks, Reading(name="dicomnode_exams", text="Exams.", values={(): 1.0})]

    metrics = Metrics(SENDERS, readings)
    for now[0] in (3.0, 4.0):
        assert scraped(metrics) == {("dicomnode_tasks", 'a"\n'): now[0], ("dicomnode_exams",): 1.0}


def test_an_index_that_is_away_fails_the_scrape_and_says_nothing_false() -> None:
    def readings() -> list[Reading]:
        raise ConnectionError("away")

    with pytest.raises(ConnectionError, match="away"):
        Metrics(SENDERS, readings).render()


def test_two_nodes_in_one_process_count_apart() -> None:
    one, other = Metrics(SENDERS), Metrics(SENDERS)
    one.received("MR1", 1)
    assert scraped(other) == {}

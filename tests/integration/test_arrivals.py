"""The short form of the arrival simulator: 100 exams of senders that are known."""

from __future__ import annotations

from benchmarks.arrivals.judge import Simulation


def test_no_exam_is_judged_too_early_and_the_express_lane_is_prompt() -> None:
    simulation = Simulation(seed=1)
    for _ in range(100):
        simulation.next()
    outcomes = [simulation.next() for _ in range(100)]
    assert sum(outcome.premature for outcome in outcomes) == 0
    assert sum(outcome.timer_premature for outcome in outcomes) > 5, "the exams are not too easy"
    express = [latency for outcome in outcomes for latency in outcome.express.values()]
    prompt = sum(latency is not None and 0 <= latency <= 1 for latency in express)
    assert prompt / len(express) > 0.95

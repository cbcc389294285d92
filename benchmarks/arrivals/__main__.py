"""How often is an exam judged too early or too late? By evidence, beside a plain timer of 60 s without a new image.

Exams of seven senders, drawn at random with a seed: whole exams in one association, one for each series, several side
by side, handfuls of images; senders that announce counts and those that do not; repetitions, stalls, aborts, slices
that come late. The decision of `dicomnode.assemble.completeness` is driven over a simulated clock: no network, no
waiting.

    python -m benchmarks.arrivals [--exams 1000] [--seed 1] [--warm-up 200]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from statistics import median, quantiles

from benchmarks.arrivals.judge import Outcome, Simulation


def table(outcomes: Sequence[Outcome]) -> str:
    """One line for each sender and one for all."""
    lines = [
        f"{'sender':<9}{'exams':>6} | {'early':>6}{'wait s':>8}{'p95':>7} | {'60 s timer early':>17} | "
        f"{'express in 1 s':>15}{'early':>7}"
    ]
    for name in [*sorted({outcome.exam.sender.name for outcome in outcomes}), "all"]:
        some = [outcome for outcome in outcomes if name in ("all", outcome.exam.sender.name)]
        early = sum(outcome.premature for outcome in some)
        timer = sum(outcome.timer_premature for outcome in some)
        waits = [outcome.wait for outcome in some if not outcome.premature] or [0.0]
        express = [latency for outcome in some for latency in outcome.express.values()]
        prompt = sum(latency is not None and 0 <= latency <= 1 for latency in express)
        hasty = sum(latency is not None and latency < 0 for latency in express)
        lines.append(
            f"{name:<9}{len(some):>6} | {early:>6}{median(waits):>8.1f}{quantiles([*waits, *waits], n=20)[-1]:>7.0f} | "
            f"{timer:>17} | {prompt:>6} of {len(express):<5}{hasty:>8}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exams", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--warm-up", type=int, default=200, help="exams before, from which senders are learned")
    options = parser.parse_args()
    simulation = Simulation(options.seed)
    parts = {"a new node, to which every sender is new": options.warm_up, "after that": options.exams}
    for title, count in parts.items():
        print(f"{title}\n{table([simulation.next() for _ in range(count)])}\n")
    print("early: judged before the last image came. wait: from the last image to the judgement, of those not early;")
    print("the timer waits 60 s. express: regular series taken at most 1 s after their release.")


if __name__ == "__main__":
    main()

"""Whether the exams, and what a model says of them, are still those that it was taken into use with.

Every number is followed by an exponentially weighted moving average (EWMA chart, ISO 7870-6), looked at after every
exam. How far it may stray follows from the reference itself: exams drawn from it again and again, as reference and as
stream, show what comes about although nothing has changed, the error of a small reference included.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dicomnode.domain.decision import Alarm, AlarmKind, LedgerEntry

SMALLEST_REFERENCE = 100
"""Fewer exams say too little about what is usual."""

_WEIGHT = 0.1
"""Of the newest exam in the average: a change of one standard deviation shows within about 20 exams."""
_CLIP = 3.5
"""Standard deviations; one freak exam must not look like a changed protocol."""
_DRAWS = 200
_STREAM = 2000
"""Exams in each drawn stream."""
_FALSE_ALARMS = {AlarmKind.IMAGE: 1 / 8000, AlarmKind.SCORE: 1 / 16000, AlarmKind.TIER: 1 / 16000}
"""Of an exam from the reference; together a half of the one in 2,000 that is promised."""
_PROTOCOL_WINDOW, _PROTOCOL_SEEN = 10, 3
_TOLERANCE = 0.1
"""Of a number in a header, beyond the range in the reference."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What is usual for some numbers, and how far their moving averages may stray."""

    names: tuple[str, ...]
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    """Standard deviation; 1 where all values were equal and any other is a change."""
    limit: float
    """Standard deviations of the moving average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a model's decisions looked like when it was taken into use."""

    exams: int
    charts: Mapping[AlarmKind, Chart]
    texts: Mapping[str, tuple[str, ...]]
    """``role.Keyword`` to the values that were there."""
    numbers: Mapping[str, tuple[float, float]]
    """``role.Keyword`` to the lowest and the highest value."""

    def to_json(self) -> dict[str, Any]:
        """As JSON-safe data."""
        charts = {
            kind.value: {"names": c.names, "centre": c.centre, "spread": c.spread, "limit": c.limit}
            for kind, c in self.charts.items()
        }
        return {"exams": self.exams, "charts": charts, "texts": dict(self.texts), "numbers": dict(self.numbers)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Reference:
        """Rebuild a reference; the inverse of :meth:`to_json`, through JSON text."""
        charts = {
            AlarmKind(kind): Chart(
                names=tuple(c["names"]), centre=tuple(c["centre"]), spread=tuple(c["spread"]), limit=c["limit"]
            )
            for kind, c in data["charts"].items()
        }
        texts = {name: tuple(values) for name, values in data["texts"].items()}
        numbers = {name: (low, high) for name, (low, high) in data["numbers"].items()}
        return cls(exams=data["exams"], charts=charts, texts=texts, numbers=numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """An alarm, and the exam after which it is raised."""

    alarm: Alarm
    number: int
    """In the ledger."""
    exams: int
    """How many were watched up to it, itself included."""


def reference(entries: Sequence[LedgerEntry]) -> Reference:
    """What is usual in a model's decisions.

    Raises
    ------
    ValueError
        For fewer than 100 decisions.
    """
    if len(entries) < SMALLEST_REFERENCE:
        raise ValueError(f"{len(entries)} decisions are no reference; {SMALLEST_REFERENCE} is the least")
    charts = {}
    for kind, rate in _FALSE_ALARMS.items():
        rows = [_numbers(kind, entry, _tiers(entries)) for entry in entries]
        counts: dict[str, int] = {}
        for name in (name for row in rows for name in row):
            counts[name] = counts.get(name, 0) + 1
        if names := tuple(sorted(name for name, count in counts.items() if 2 * count >= len(entries))):
            charts[kind] = chart(names, _table(rows, names), rate)
    texts: dict[str, set[str]] = {}
    numbers: dict[str, tuple[float, float]] = {}
    for name, value in (tag for entry in entries for tag in _tags(entry)):
        if isinstance(value, str):
            texts.setdefault(name, set()).add(value)
        else:
            low, high = numbers.get(name, (value, value))
            numbers[name] = (min(low, value), max(high, value))
    return Reference(
        exams=len(entries),
        charts=charts,
        texts={name: tuple(sorted(values)) for name, values in texts.items()},
        numbers=numbers,
    )


def chart(names: tuple[str, ...], table: Values, false_alarms: float) -> Chart:
    """What is usual in a table (exam, number), NaN where there is none, at this rate of false alarms for an exam."""
    centre, spread = _usual(table)
    random = np.random.default_rng(0)
    count = len(table)
    filled = np.where(np.isnan(table), centre, table)
    mean, deviation = np.empty((_DRAWS, len(names))), np.empty((_DRAWS, len(names)))
    for draw in range(_DRAWS):
        mean[draw], deviation[draw] = _usual(filled[random.integers(0, count, count)])
    average, largest = np.zeros_like(mean), np.zeros(_DRAWS)
    for _ in range(_STREAM):
        exam = np.clip((filled[random.integers(0, count, _DRAWS)] - mean) / deviation, -_CLIP, _CLIP)
        average += _WEIGHT * (exam - average)
        largest = np.maximum(largest, np.abs(average).max(1))
    limit = float(np.quantile(largest, math.exp(-_STREAM * false_alarms))) / _SPREAD_OF_AVERAGE
    return Chart(names=names, centre=tuple(map(float, centre)), spread=tuple(map(float, spread)), limit=limit)


_SPREAD_OF_AVERAGE = math.sqrt(_WEIGHT / (2 - _WEIGHT))


def stray(chart: Chart, table: Values) -> Values:
    """Moving averages (exam, number) of a table of the chart's numbers, in their own standard deviations."""
    scaled = np.clip((table - chart.centre) / chart.spread, -_CLIP, _CLIP)
    average, path = np.zeros(len(chart.names)), np.empty_like(scaled)
    for n, exam in enumerate(scaled):
        average = np.where(np.isnan(exam), average, average + _WEIGHT * (exam - average))
        path[n] = average
    return path / _SPREAD_OF_AVERAGE


def watch(usual: Reference, entries: Sequence[LedgerEntry]) -> tuple[Noticed, ...]:
    """What is noticed first of each kind in a model's decisions since the reference, or since somebody has looked."""
    found = []
    for kind, one in usual.charts.items():
        known = [name.removeprefix("tier ") for name in one.names] if kind is AlarmKind.TIER else []
        path = stray(one, _table([_numbers(kind, entry, known) for entry in entries], one.names))
        beyond = np.flatnonzero((np.abs(path) > one.limit).any(1))
        if beyond.size:
            first = int(beyond[0])
            found.append(_strayed(kind, one, path[first], entries[first], first + 1))
    return (*found, *_protocol(usual, entries))


def _strayed(kind: AlarmKind, one: Chart, path: Values, entry: LedgerEntry, exams: int) -> Noticed:
    order = np.argsort(-np.abs(path))
    farthest = int(order[0])
    beyond = ", ".join(f"{one.names[n]} {path[n]:+.1f}" for n in order[:4] if abs(path[n]) > one.limit)
    text = f"the moving average has strayed: {beyond} of its standard deviations; the limit is {one.limit:.1f}"
    value = float(path[farthest])
    alarm = Alarm(kind=kind, by=entry.by, subject=one.names[farthest], text=text, value=value, limit=one.limit)
    return Noticed(alarm=alarm, number=entry.number, exams=exams)


def _protocol(usual: Reference, entries: Sequence[LedgerEntry]) -> Iterable[Noticed]:
    """Attributes with a value that was never in the reference, in 3 of 10 exams."""
    seen: dict[str, list[int]] = {}
    for n, entry in enumerate(entries):
        for name, value in _tags(entry):
            if not _is_new(usual, name, value):
                continue
            recent = seen[name] = [m for m in seen.get(name, []) if m > n - _PROTOCOL_WINDOW] + [n]
            if len(recent) == _PROTOCOL_SEEN:
                often = f"{_PROTOCOL_SEEN} of the last {_PROTOCOL_WINDOW} exams"
                text = f"{name} is {value} in {often}; {_was(usual, name)}"
                alarm = Alarm(
                    kind=AlarmKind.PROTOCOL,
                    by=entry.by,
                    subject=name,
                    text=text,
                    value=float(_PROTOCOL_SEEN),
                    limit=float(_PROTOCOL_SEEN),
                )
                yield Noticed(alarm=alarm, number=entry.number, exams=n + 1)
                return


def _is_new(usual: Reference, name: str, value: str | float) -> bool:
    if isinstance(value, str):
        return name in usual.texts and value not in usual.texts[name]
    if name not in usual.numbers:
        return False
    low, high = usual.numbers[name]
    return not low - _TOLERANCE * abs(low) <= value <= high + _TOLERANCE * abs(high)


def _was(usual: Reference, name: str) -> str:
    if name in usual.texts:
        return f"it was {', '.join(usual.texts[name])}"
    low, high = usual.numbers[name]
    return f"it was {low:g} to {high:g}"


def _tags(entry: LedgerEntry) -> Iterable[tuple[str, str | float]]:
    return ((f"{role}.{keyword}", value) for role, tags in entry.inputs.items() for keyword, value in tags.items())


def _tiers(entries: Sequence[LedgerEntry]) -> list[str]:
    return sorted({entry.tier for entry in entries})


def _numbers(kind: AlarmKind, entry: LedgerEntry, tiers: Sequence[str]) -> Mapping[str, float]:
    match kind:
        case AlarmKind.IMAGE:
            return entry.features
        case AlarmKind.SCORE:
            return entry.scores
        case _:
            return {f"tier {tier}": float(entry.tier == tier) for tier in tiers}


def _table(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> Values:
    return np.array([[row.get(name, math.nan) for name in names] for row in rows], dtype=np.float64).reshape(
        len(rows), len(names)
    )


def _usual(table: Values) -> tuple[Values, Values]:
    centre, spread = np.nanmean(table, axis=0), np.nanstd(table, axis=0, ddof=1)
    return centre, np.where(spread > 1e-9 * np.maximum(1, np.abs(centre)), spread, 1.0)

"""What the images of one series say about whether all of them are here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from dicomnode.dicom.counts import Count, counts
from dicomnode.dicom.geometry import may_still_arrive
from dicomnode.dicom.stacks import stacks
from dicomnode.domain.evidence import SeriesArrivals, SeriesEvidence
from dicomnode.domain.identity import Digest, digest_of
from dicomnode.domain.instance import Facts, InstanceHeader

LEARNED_FROM = 3
"""Series of one protocol that must agree on their number of instances before it is expected of the next."""


def examine(arrivals: SeriesArrivals, headers: Sequence[InstanceHeader], learned: Sequence[int] = ()) -> SeriesEvidence:
    """What a series says by its geometry, its counts, and those before it of the same protocol.

    Parameters
    ----------
    arrivals : SeriesArrivals
        The series.
    headers : sequence of InstanceHeader
        All its instances.
    learned : sequence of int
        How many instances earlier series of its protocol had, the newest first.
    """
    volumes = stacks(headers)
    announced = counts(headers, volumes)
    usual = _usual(learned)
    if usual is not None and usual.announced >= len(headers):
        announced = (replace(usual, there=len(headers)),)  # what this protocol has always had outweighs a header
    gaps = [volume.refusal for volume in volumes if may_still_arrive(volume.refusal)]
    short = [count for count in announced if count.there < count.announced]
    full = max((count for count in announced if count not in short), key=lambda count: count.there, default=None)
    return SeriesEvidence(
        arrivals=arrivals,
        regular=not short and all(volume.geometry is not None for volume in volumes),
        missing=gaps[0] if gaps else _words(short[0]) if short else "",
        agreeing=_words(full) if full else "",
        protocol=protocol(headers[0].facts),
    )


def protocol(facts: Facts) -> Digest | None:
    """What series of one protocol on one scanner share; None when the header does not tell."""
    scanner = facts.get("DeviceSerialNumber") or facts.get("StationName")
    names = [str(facts.get(keyword, "")) for keyword in ("ProtocolName", "SeriesDescription", "SequenceName")]
    if not scanner or not any(names):
        return None
    kind = facts.get("ImageType", [])
    return digest_of([str(scanner), *names, *(map(str, kind) if isinstance(kind, list) else [str(kind)])])


def _usual(learned: Sequence[int]) -> Count | None:
    """What the last series of a protocol had in common."""
    if len(learned) < LEARNED_FROM:
        return None
    (usual, times), *others = Counter(learned).most_common()
    if others:
        return None
    return Count(name=f"the last {times} series of this protocol", announced=usual, there=0)


def _words(count: Count) -> str:
    return f"{count.there} of {count.announced} by {count.name}"

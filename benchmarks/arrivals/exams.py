"""Exams as senders send them: what arrives when, in which associations, with which faults. All times in seconds."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from dicomnode.domain.identity import (
    SeriesInstanceUID,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
    TransferSyntaxUID,
)
from dicomnode.domain.instance import Fact, InstanceHeader, Patient

Fault = Literal["", "duplicates", "stall", "abort", "late slice"]
FAULTS: Mapping[Fault, float] = {"duplicates": 0.05, "stall": 0.03, "abort": 0.02, "late slice": 0.02}
"""Share of exams with each; the others go smoothly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One way of scanning on one scanner."""

    name: str
    slices: tuple[int, int]
    """Fewest and most; they differ where the slices follow the patient."""
    echoes: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """One system that sends exams, and its manner."""

    name: str
    counts: str
    """The attribute its scanner announces its images by; empty for none."""
    by: Literal["exam", "series", "parallel", "batch"]
    """What one association brings: an exam, a series, a share of an exam beside others, a handful of images."""
    pause: tuple[float, float] = (0.05, 2.0)
    """Between two associations of one exam."""
    steps: bool = False
    """Whether its modality tells of procedure steps."""
    weight: int
    protocols: tuple[Protocol, ...] = (
        Protocol(name="loc", slices=(3, 3)),
        Protocol(name="t2", slices=(24, 24)),
        Protocol(name="dixon", slices=(28, 40), echoes=2),
        Protocol(name="t1", slices=(30, 30)),
        Protocol(name="dwi", slices=(20, 26)),
        Protocol(name="late", slices=(32, 32)),
    )


SENDERS = (
    Sender(name="PACS-A", counts="", by="exam", weight=25),
    Sender(name="PACS-B", counts="ImagesInAcquisition", by="exam", weight=15),
    Sender(name="PACS-C", counts="NumberOfSlices", by="series", weight=15),
    Sender(name="PACS-D", counts="", by="parallel", pause=(0.0, 1.5), weight=15),
    Sender(name="ROUTER", counts="ImagesInAcquisition", by="batch", pause=(0.1, 8.0), weight=10),
    Sender(name="MR-GE", counts="ImagesInAcquisition", by="series", pause=(20, 240), steps=True, weight=10),
    Sender(name="MR-OLD", counts="", by="series", pause=(20, 240), weight=10),
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Event:
    """One thing that happens at the node."""

    at: float
    kind: Literal["arrives", "released", "step"] = field(compare=False)
    images: tuple[InstanceHeader, ...] = field(compare=False)
    """The image that arrives; one of each series that is released; all that the procedure step lists when it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """Everything that a sender sends of one exam."""

    sender: Sender
    fault: Fault
    events: tuple[Event, ...]

    @property
    def last_arrival(self) -> float:
        """When the last image comes, repetitions aside."""
        return max(self.first_arrivals.values())

    @property
    def first_arrivals(self) -> dict[str, float]:
        """When each image comes for the first time."""
        first: dict[str, float] = {}
        for event in self.events:
            if event.kind == "arrives":
                first.setdefault(event.images[0].sop_instance_uid, event.at)
        return first


def draw(random_: random.Random, number: int) -> Exam:
    """The exam with this number."""
    sender = random_.choices(SENDERS, [sender.weight for sender in SENDERS])[0]
    fault = random_.choices(["", *FAULTS], [1 - sum(FAULTS.values()), *FAULTS.values()])[0]
    protocols = random_.sample(sender.protocols, random_.randint(2, len(sender.protocols)))
    series = [_images(random_, sender, protocol, f"{number}.{n}") for n, protocol in enumerate(protocols, 1)]
    associations = list(_associations(random_, sender, series))
    events = sorted(_faulty(random_, fault, associations))
    if sender.steps:
        told = tuple(image for images in series for image in images)
        begins, ends = Event(at=0.0, kind="step", images=()), Event(at=events[-1].at + 5, kind="step", images=told)
        events = [begins, *events, ends]
    return Exam(sender=sender, fault=fault, events=tuple(events))


def _images(random_: random.Random, sender: Sender, protocol: Protocol, uid: str) -> list[InstanceHeader]:
    slices = random_.randint(*protocol.slices)
    images = [
        _image(sender, protocol, uid, echo, position, slices)
        for position in range(slices)
        for echo in range(protocol.echoes)
    ]
    if random_.random() < 0.3:
        random_.shuffle(images)
    return images


def _image(sender: Sender, protocol: Protocol, uid: str, echo: int, position: int, slices: int) -> InstanceHeader:
    number = echo * slices + position + 1
    facts: dict[str, Fact] = {
        "Modality": "MR", "ImageType": ["ORIGINAL", "PRIMARY", "M"], "ScanningSequence": ["GR"], "Rows": 256,
        "Columns": 256, "PhotometricInterpretation": "MONOCHROME2", "PixelSpacing": [1.5, 1.5],
        "ImageOrientationPatient": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        "ImagePositionPatient": [-190.0, -190.0, 5.5 * position], "FrameOfReferenceUID": uid,
        "EchoTime": 2.3 * (echo + 1),
        "RepetitionTime": 150.0, "FlipAngle": 70.0, "MagneticFieldStrength": 1.5, "AcquisitionNumber": 1,
        "InstanceNumber": number, "SeriesDescription": protocol.name, "StationName": sender.name,
    }  # fmt: skip
    if sender.counts:
        facts[sender.counts] = slices * (protocol.echoes if sender.counts == "ImagesInAcquisition" else 1)
    return InstanceHeader(
        sop_instance_uid=SOPInstanceUID(f"{uid}.{number}"),
        sop_class_uid=SOPClassUID("1.2.840.10008.5.1.4.1.1.4"),
        transfer_syntax_uid=TransferSyntaxUID("1.2.840.10008.1.2.1"),
        series_instance_uid=SeriesInstanceUID(uid),
        study_instance_uid=StudyInstanceUID(uid.partition(".")[0]),
        patient=Patient(patient_id=uid.partition(".")[0]),
        facts=facts,
    )


Association = list[Event]


def _associations(
    random_: random.Random, sender: Sender, series: Sequence[Sequence[InstanceHeader]]
) -> Iterator[Association]:
    everything = [image for images in series for image in images]
    now = 0.0
    if sender.by == "parallel":
        lanes = random_.randint(2, 4)
        for lane in range(lanes):
            start = random_.uniform(*sender.pause)
            if share := everything[lane::lanes]:
                yield _association(random_, share, start)
        return
    loads: list[Sequence[InstanceHeader]] = [everything] if sender.by == "exam" else list(series)
    if sender.by == "batch":
        loads = []
        while everything:
            size = random_.randint(1, 40)
            loads.append(everything[:size])
            everything = everything[size:]
    for load in loads:
        association = _association(random_, load, now)
        now = association[-1].at + random_.uniform(*sender.pause)
        yield association


def _association(random_: random.Random, images: Sequence[InstanceHeader], start: float) -> Association:
    """Images at their pace, then a release."""
    pace = random_.uniform(0.01, 0.15)
    events, now = [], start
    for image in images:
        now += pace * random_.uniform(0.5, 1.5)
        events.append(Event(at=now, kind="arrives", images=(image,)))
    first = {image.series_instance_uid: image for image in images}
    return [*events, Event(at=now + 0.005, kind="released", images=tuple(first.values()))]


def _faulty(random_: random.Random, fault: Fault, associations: list[Association]) -> list[Event]:
    """What happens when something goes wrong in one of the associations; what comes later is put off."""
    if not fault:
        return [event for association in associations for event in association]
    hit = random_.randrange(len(associations))
    before, struck, after = associations[:hit], associations[hit], associations[hit + 1 :]
    cut = random_.randrange(len(struck))
    if fault == "duplicates":
        pause = struck[-1].at - struck[0].at + random_.uniform(0.5, 5)
        parts = [struck, _later(struck, pause)]
    elif fault == "stall":
        pause = random_.uniform(2, 50)
        parts = [struck[:cut], _later(struck[cut:], pause)]
    elif fault == "abort":
        again = struck[cut].at + random_.uniform(2, 50)
        parts = [struck[:cut], _association(random_, _of(struck), again)]
        pause = again - struck[0].at
    else:
        arrivals = [event for event in struck if event.kind == "arrives"]
        late = random_.choice(arrivals)
        pause = random_.uniform(1, 45)
        rest = [event for event in struck if event is not late]
        parts = [rest, _association(random_, late.images, struck[-1].at + pause)]
    delayed = [_later(association, pause) for association in after]
    return [event for association in (*before, *parts, *delayed) for event in association]


def _of(association: Association) -> list[InstanceHeader]:
    return [event.images[0] for event in association if event.kind == "arrives"]


def _later(events: Association, seconds: float) -> Association:
    return [Event(at=event.at + seconds, kind=event.kind, images=event.images) for event in events]

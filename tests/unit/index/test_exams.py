"""What is read back from an instance's row is what its data set says, decoded when it arrived or now."""

from __future__ import annotations

import struct
import zlib

from dicomnode.dicom import header
from dicomnode.dicom.elements import encoding_of
from dicomnode.domain.identity import AETitle, StudyInstanceUID
from dicomnode.domain.instance import Instance, InstanceHeader
from dicomnode.index import exams
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.receive.walk import walk
from tests.datasets import DEFLATED_LITTLE, LITTLE, PIXEL_DATA, WRITERS, Writer, mr_elements
from tests.values import STUDY, at, instance

SYNTAXES = [*WRITERS, DEFLATED_LITTLE]
CODECS = {"ISO_IR 192": "utf-8", "ISO_IR 100": "latin-1"}
CONTRIBUTING, MANUFACTURER = 0x0018A001, 0x00080070


def data_set(uid: str, syntax: str, character_set: str) -> bytes:
    """One image that says all kinds of things, its patient's name behind its place."""
    write = WRITERS.get(syntax, LITTLE)
    codec = CODECS[character_set]
    values: dict[int, tuple[str, bytes | str]] = {
        **mr_elements(uid, patient="P1"),
        0x00080005: ("CS", character_set),
        0x00080008: ("CS", "ORIGINAL\\PRIMARY"),
        0x0008103E: ("LO", "Leber \u00fc".encode(codec)),
        0x00180081: ("DS", "4.6 "),
        0x00189087: ("FD", struct.pack(write.order + "d", 800.0)),
        0x00200032: ("DS", "1\\2\\3.5"),
        0x00280010: ("US", struct.pack(write.order + "H", 256)),
        0x20010010: ("LO", "Philips Imaging DD 001"),
        0x20011018: ("SL", struct.pack(write.order + "l", 53)),
        0x00210010: ("LO", "somebody else"),
        0x0021104F: ("SS", struct.pack(write.order + "h", 20)),
    }
    written = {tag: write.element(tag, *values[tag]) for tag in values}
    written[CONTRIBUTING] = _makers(write)
    body = b"".join(written[tag] for tag in sorted(written))
    body += write.element(0x00100010, "PN", "M\u00fcller^J\u00f6rg".encode(codec))
    body += write.element(0x00100040, "CS", "F") + write.element(PIXEL_DATA, "OW", bytes(8))
    if syntax != DEFLATED_LITTLE:
        return body
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def _makers(write: Writer) -> bytes:
    items = [
        write.item(write.element(MANUFACTURER, "LO", maker), undefined=True)
        for maker in ("Scanner & Sons", "dicomnode")
    ]
    return write.sequence(CONTRIBUTING, *items, undefined=True)


def arriving(content: bytes, syntax: str) -> InstanceHeader:
    """As the receiver makes it."""
    named, encoded = walk(content, syntax)
    return header.from_elements(header.uids_of(named, encoding_of(syntax)), named, encoded, syntax)


def test_a_header_kept_as_it_came_is_read_back_as_its_data_set_is_read(database: Database) -> None:
    ways = [(syntax, character_set) for syntax in SYNTAXES for character_set in CODECS]
    contents = {f"1.{n}": (data_set(f"1.{n}", *way), way[0]) for n, way in enumerate(ways * 2)}
    intake = Intake(database)
    for n, (uid, (content, syntax)) in enumerate(contents.items()):  # the first opens an exam, the others follow
        made = instance(uid)
        one = Instance(header=arriving(content, syntax), stored=made.stored, calling_aet=AETitle("SENDER"))
        intake.record(one, at(n))
    with database.read() as session:
        back = {one.header.sop_instance_uid: one for one in exams.instances(session, StudyInstanceUID(STUDY))}
    assert len(back) == len(contents) == 16
    for uid, one in back.items():
        assert one.header == header.read(*contents[uid])
        assert one.header.patient.name == "M\u00fcller^J\u00f6rg"
        assert (one.header.patient.patient_id, one.header.patient.sex) == ("P1", "F")
        assert dict(one.header.facts) == {
            "Modality": "MR",
            "ImageType": ["ORIGINAL", "PRIMARY"],
            "SeriesDescription": "Leber \u00fc",
            "ContributingEquipmentSequence": ["Scanner & Sons", "dicomnode"],
            "EchoTime": 4.6,
            "DiffusionBValue": 800.0,
            "ImagePositionPatient": [1.0, 2.0, 3.5],
            "Rows": 256,
            "PhilipsNumberOfSlices": 53,
        }

"""Sending 200 MR images: ours beside dcmsend with TCP_NODELAY, into the same storescp that keeps nothing."""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dicomnode.dimse import scu
from dicomnode.settings import DicomSettings, PeerSettings

IMAGES, SIDE, ROUNDS = 200, 256, 5


def write(folder: Path) -> list[Path]:
    pixels = np.random.default_rng(1).integers(0, 4096, (SIDE, SIDE), np.uint16).tobytes()
    files = []
    for number in range(IMAGES):
        image = Dataset()
        image.SOPClassUID, image.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", f"2.25.9.{number}"
        image.StudyInstanceUID, image.SeriesInstanceUID, image.PatientID = "2.25.9", "2.25.9.9", "P"
        image.Rows = image.Columns = SIDE
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
        image.PixelRepresentation, image.SamplesPerPixel, image.PhotometricInterpretation = 0, 1, "MONOCHROME2"
        image.PixelData = pixels
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        files.append(folder / f"{number}.dcm")
        dcmwrite(files[-1], image, enforce_file_format=True)
    return files


def ours(port: int, files: list[Path]) -> float:
    peer = PeerSettings(name="pacs", aet="PACS", port=port)
    local = DicomSettings(aet="US")
    begun = time.perf_counter()
    assert all(sent.status == 0 for sent in scu.send(peer, local, [scu.outgoing(file) for file in files]))
    return time.perf_counter() - begun


def dcmsend(port: int, files: list[Path]) -> float:
    begun = time.perf_counter()
    subprocess.run(["dcmsend", "-aec", "PACS", "127.0.0.1", str(port), *map(str, files)], check=True)
    return time.perf_counter() - begun


def main() -> None:
    if not (shutil.which("dcmsend") and shutil.which("storescp")):
        sys.exit("needs DCMTK: make peers")
    os.environ["TCP_NODELAY"] = "1"  # without it DCMTK waits for delayed acknowledgements
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        files = write(Path(name))
        with subprocess.Popen(["storescp", "--ignore", "--max-pdu", "131072", str(port)]) as receiver:
            try:
                time.sleep(1)
                rounds = [(dcmsend(port, files), dcmsend(port, files[:1]), ours(port, files)) for _ in range(ROUNDS)]
            finally:
                receiver.terminate()
    whole, start, own = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"dcmsend        {IMAGES / whole:6.0f} images/s, {IMAGES / (whole - start):6.0f} without its start")
    print(f"dicomnode      {IMAGES / own:6.0f} images/s")
    print(f"ratio          {whole / own:6.2f}, {(whole - start) / own:6.2f} without its start")


if __name__ == "__main__":
    main()

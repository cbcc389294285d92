"""The demonstration: a synthetic exam goes through a real node to a stand-in PACS, and comes back measured."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydicom import dcmread
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from dicomnode.demo import contact_sheet, objects
from dicomnode.demo.pacs import AET, StandInPACS
from dicomnode.demo.phantom import Exam, Truth, write_liver_exam
from dicomnode.dimse import scu
from dicomnode.domain.identity import AETitle
from dicomnode.errors import DicomnodeError
from dicomnode.index import views
from dicomnode.index.database import Database
from dicomnode.node import Node
from dicomnode.settings import CompletenessSettings, DicomSettings, NodeSettings, PeerSettings, Settings

_MODALITY = AETitle("MODALITY")
_TIMEOUT_S = 120.0


class DemoFailedError(DicomnodeError):
    """The demonstration did not end with results."""

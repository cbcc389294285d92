"""Every stated advice is told, again until it is taken; what cannot be told is an event."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from dicomnode.advice_settings import AdviceSettings, NoticeSettings
from dicomnode.domain.advice import Advice, AdviceKind, Origin, acknowledge, state
from dicomnode.hl7v2.mllp import Listener
from dicomnode.index import advice as index
from dicomnode.index import views
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.notices import Notices
from dicomnode.settings import Settings
from tests.peers.tools import free_port
from tests.values import STUDY, at, instance

AWAITED = Advice(study_instance_uid=STUDY, exam_id=1, opened=at(0), deadline=at(90))
STATED = state(AWAITED, AdviceKind.MAY_BE_OMITTED, "why", Origin.PLUGIN, at(5))


@dataclass
class Site:
    database: Database
    heard: list[str] = field(default_factory=list)
    submitted: list[tuple[tuple[Any, ...], float]] = field(default_factory=list)
    second: float = 6.0

    def submit(self, _: object, workflow: str, key: str, *arguments: Any, delay_s: float = 0.0) -> None:
        assert workflow == "notify"
        self.submitted.append((arguments, delay_s))

    def notices(self, port: int, *, hosts: tuple[str, ...] = ("127.0.0.1",)) -> Notices:
        ris = NoticeSettings(name="ris", hl7_host="127.0.0.1", hl7_port=port)
        settings = Settings(notices=(ris,), advice=AdviceSettings(notice_hosts=hosts))
        return Notices(settings, self.database, self, lambda: at(self.second))  # type: ignore[arg-type]

    def begin(self, notices: Notices, advice: Advice) -> None:
        with self.database.write() as session:
            index.keep(session, advice, "kept", at(5))
            notices.begin(session, advice)

    def trail(self) -> list[str]:
        with self.database.read() as session:
            return [one["text"] for one in views.events(session, STUDY) if one["subject"] == "advice"]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    database = Database("", tmp_path)
    database.upgrade()
    Intake(database).record(instance("1.1", AccessionNumber="ACC7"), at(0))
    yield Site(database=database)
    database.close()


@pytest.fixture
def port(site: Site) -> Iterator[int]:
    listener = Listener("127.0.0.1", 0, lambda message: site.heard.append(str(message)), ("127.0.0.1",))
    yield listener.port
    listener.stop()


def test_a_stated_advice_is_told_once_kept(site: Site, port: int) -> None:
    notices = site.notices(port)
    site.begin(notices, AWAITED)
    assert site.submitted == []
    site.begin(notices, STATED)
    assert site.submitted == [((STUDY, "ris", 1), 0.0)]
    notices.tell(STUDY, "ris", 1)
    (message,) = site.heard
    assert "ADV_OMIT^Contrast may be omitted" in message
    assert "|P1^^^" in message
    assert "|ACC7|" in message
    assert site.trail()[-1] == "told ris"
    site.begin(notices, acknowledge(STATED, AdviceKind.MAY_BE_OMITTED, "A", at(7)))
    assert len(site.submitted) == 1


@pytest.fixture
def worklist(site: Site) -> Iterator[int]:
    """A server that takes work items, each once."""
    known: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (item,) = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            uid = item["00080018"]["Value"][0]
            site.heard.append(f"{self.path} {self.headers['Content-Type']} {item['00741204']['Value'][0]}")
            self.send_response(409 if uid in known else 201)
            known.add(uid)
            Dataset.from_json(item)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_work_item_is_created_once_for_the_advice_that_is_asked_for(site: Site, worklist: int) -> None:
    base = f"http://127.0.0.1:{worklist}/dicom-web"
    to = NoticeSettings(name="worklist", workitems=base, advice=("ADV_CONTRAST",))
    settings = Settings(notices=(to,), advice=AdviceSettings(notice_hosts=("127.0.0.1",)))
    notices = Notices(settings, site.database, site, lambda: at(site.second))  # type: ignore[arg-type]
    site.begin(notices, STATED)
    notices.tell(STUDY, "worklist", 1)
    assert (site.submitted, site.heard) == ([], []), "nobody asked for that advice"
    site.begin(notices, state(AWAITED, AdviceKind.RECOMMENDED, "why", Origin.PLUGIN, at(5)))
    assert site.submitted == [((STUDY, "worklist", 1), 0.0)]
    notices.tell(STUDY, "worklist", 1)
    notices.tell(STUDY, "worklist", 1)
    said = "/dicom-web/workitems application/dicom+json Contrast recommended: administer gadolinium"
    assert site.heard == [said, said]
    assert site.trail()[-2:] == ["told worklist", "told worklist"]


def test_a_worklist_that_is_down_is_tried_again_later(site: Site) -> None:
    to = NoticeSettings(name="worklist", workitems=f"http://127.0.0.1:{free_port()}")
    settings = Settings(notices=(to,), advice=AdviceSettings(notice_hosts=("127.0.0.1",)))
    notices = Notices(settings, site.database, site, lambda: at(site.second))  # type: ignore[arg-type]
    site.begin(notices, STATED)
    notices.tell(STUDY, "worklist", 1)
    assert [arguments for arguments, _ in site.submitted] == [(STUDY, "worklist", 1), (STUDY, "worklist", 2)]


def test_a_receiver_that_is_down_is_tried_again_later(site: Site) -> None:
    notices = site.notices(free_port())
    site.begin(notices, STATED)
    notices.tell(STUDY, "ris", 3)
    assert site.submitted[-1] == ((STUDY, "ris", 4), 20.0)
    assert site.trail()[-1] == "kept"


def test_after_half_a_day_it_is_given_up_and_said(site: Site) -> None:
    port = free_port()
    notices = site.notices(port)
    site.begin(notices, STATED)
    site.second = 13 * 3600.0
    notices.tell(STUDY, "ris", 40)
    assert len(site.submitted) == 1
    assert site.trail()[-1] == f"not told ris: HL7 receiver 127.0.0.1:{port}: ConnectionRefusedError"


def test_a_host_that_is_not_allowed_is_told_nothing(site: Site, port: int) -> None:
    notices = site.notices(port, hosts=("ris.example",))
    site.begin(notices, STATED)
    notices.tell(STUDY, "ris", 1)
    assert site.heard == []
    assert site.trail()[-1] == "not told ris: host '127.0.0.1' is not among those notices may go to"


def test_what_is_no_more_is_not_told(site: Site, port: int) -> None:
    notices = site.notices(port)
    notices.tell("9.9.9", "ris", 1)
    notices.tell(STUDY, "other", 1)
    assert site.heard == []

"""What can be known of ``deploy/`` without systemd or Docker running: that its parts fit each other and the node."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from dicomnode import __version__
from dicomnode.configuration import load
from dicomnode.settings import Settings
from tests.architecture.house import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose"
UNIT = DEPLOY / "systemd" / "dicomnode.service"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    composed: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
    return composed


@pytest.fixture(scope="module")
def steps() -> list[str]:
    """The Dockerfile's instructions, continued lines joined, comments left out."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def test_systemd_accepts_the_unit(require_tool: Callable[[str], Path], tmp_path: Path) -> None:
    program = tmp_path / "dicomnode"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/dicomnode/.venv/bin/dicomnode", str(program)))
    done = subprocess.run(
        [require_tool("systemd-analyze"), "verify", "--man=no", unit],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_unit_checks_before_it_starts_the_same_settings() -> None:
    check, start = re.findall(r"^ExecStart(?:Pre)?=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert "dicomnode config check" in check
    assert re.findall(r"--config (\S+)", check) == re.findall(r"--config (\S+)", start) == ["/etc/dicomnode/node.toml"]
    assert "--set node.data=/var/lib/dicomnode" in start


def test_every_service_has_what_it_mounts(services: dict[str, Any]) -> None:
    volumes = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["volumes"]
    for service in services.values():
        for mount in service["volumes"]:
            source = mount.partition(":")[0]
            assert (COMPOSE / source).is_file() if source.startswith(".") else source in volumes


def test_every_port_is_on_loopback(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service["ports"]]
    assert len(ports) == 4
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_node_of_the_compose_file_is_this_one(services: dict[str, Any]) -> None:
    node = services["node"]
    build = node["build"]
    assert (COMPOSE / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()
    assert node["image"] == f"dicomnode:{__version__}"
    assert node["read_only"] is True
    assert node["cap_drop"] == ["ALL"]


def test_node_and_pacs_know_each_other(services: dict[str, Any]) -> None:
    settings = load(COMPOSE / "node.toml")
    orthanc = json.loads((COMPOSE / "orthanc.json").read_text())
    pacs = settings.peer("pacs")
    assert (pacs.aet, pacs.host, pacs.port) == (orthanc["DicomAet"], "orthanc", orthanc["DicomPort"])
    assert pacs.host in services
    modality = orthanc["DicomModalities"]["DICOMNODE"]
    assert (modality["AET"], modality["Port"]) == (settings.dicom.aet, settings.dicom.port)
    assert modality["Host"] in services
    assert f"127.0.0.1:{settings.dicom.port}:{settings.dicom.port}" in services["node"]["ports"]


def test_the_viewer_reads_from_the_pacs_through_its_own_origin(services: dict[str, Any]) -> None:
    orthanc = json.loads((COMPOSE / "orthanc.json").read_text())
    root = orthanc["DicomWeb"]["Root"]
    server = (COMPOSE / "nginx.conf").read_text()
    assert f"location {root} " in server
    assert f"proxy_pass http://orthanc:{orthanc['HttpPort']}{root};" in server
    assert services["ohif"]["ports"] == [f"127.0.0.1:3000:{port}" for port in re.findall(r"listen (\d+);", server)]
    viewer = (COMPOSE / "ohif.js").read_text()
    assert f"qidoRoot: '{root.rstrip('/')}'" in viewer
    assert f"wadoRoot: '{root.rstrip('/')}'" in viewer


def test_the_image_copies_what_exists_and_what_the_build_sees(steps: list[str]) -> None:
    allowed = {
        line.removeprefix("!")
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = [
        source for step in steps if step.startswith("COPY ") and "--from" not in step for source in step.split()[1:-1]
    ]
    assert {"pyproject.toml", "constraints.txt", "dicomnode", "plugins"} <= set(copied)
    for source in copied:
        assert (ROOT / source).exists()
        assert source.split("/")[0] in allowed


def test_the_image_runs_as_nobody_in_particular(steps: list[str]) -> None:
    user = next(step for step in steps if step.startswith("USER "))
    assert re.fullmatch(r"USER [1-9]\d+:[1-9]\d+", user)
    assert steps.index(user) < next(n for n, step in enumerate(steps) if step.startswith("ENTRYPOINT"))
    assert f"EXPOSE {Settings().dicom.port}" in steps


def test_the_image_is_built_from_the_constraints(steps: list[str]) -> None:
    installs = [step for step in steps if "pip install" in step]
    assert len(installs) == 2
    assert all("--constraint constraints.txt" in step for step in installs)

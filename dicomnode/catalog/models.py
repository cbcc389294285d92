"""Which models may speak here: cards, the files they name, and why a model is refused."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from dicomnode.errors import ModelRefused
from dicomnode.sdk.model import PARAMETER, Domain, Model, ModelSlot, ModelStatus, Weights
from dicomnode.sdk.spec import ParameterValue, PluginSpec
from dicomnode.settings import PluginSettings, Settings

_NAME = r"^[a-z0-9][a-z0-9._-]{0,47}$"
_LARGEST_HEADER = 100 << 20
_CHUNK = 1 << 20
_CARD = "card.toml"
_DEMONSTRATION = "demonstration"
"""What settings say for a plugin's own demonstration model in an optional slot."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class _File(_Table):
    file: str
    """Beside the card."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Calibration(_Table):
    digest: Annotated[str, Field(min_length=1)]
    """Of the exams the cut-offs were frozen on."""
    cases: Annotated[int, Field(ge=0)] = 0
    rule: str = ""


class _Approval(_Table):
    approver: Annotated[str, Field(min_length=1)]
    """Who answers for the validation."""
    expires: date
    """The last day the model may speak."""
    plugin_versions: Annotated[tuple[str, ...], Field(min_length=1)]
    """Versions of the plugin it was validated with."""
    report: str = ""
    """Digest or name of the validation report."""


class Card(_Table):
    """A model card, as its TOML says it."""

    id: Annotated[str, Field(pattern=_NAME)]
    version: Annotated[str, Field(pattern=_NAME)]
    plugin: str
    slot: str
    architecture: str
    status: ModelStatus
    statement: Annotated[str, Field(min_length=1)]
    """What it was trained on."""
    weights: Annotated[Mapping[str, _File], Field(min_length=1)]
    cutoffs: Mapping[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    calibration: _Calibration | None = None
    domain: Mapping[str, Any] = Field(default_factory=dict)
    approval: _Approval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A card and the model it describes; its files are named, not opened."""

    file: Path
    card: Card
    model: Model

    @property
    def key(self) -> str:
        """How settings name it: ``id/version``."""
        return f"{self.card.id}/{self.card.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What fills the slots of a plugin at this site."""

    models: Mapping[str, Registered] = field(default_factory=dict)
    candidates: Mapping[str, Registered] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    """Why the plugin may not run: a line for each slot without a model that may speak."""
    warnings: tuple[str, ...] = ()
    """Candidates that may not be tried."""


def read(file: Path) -> Registered:
    """Read a card; the files it names stay closed.

    Raises
    ------
    ModelRefused
        When it is no card.
    """
    try:
        card = Card.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        domain = TypeAdapter(Domain).validate_python(dict(card.domain))
        if unknown := sorted(set(card.domain) - set(asdict(Domain()))):
            raise ModelRefused(f"{file}: domain: nothing is called {', '.join(unknown)}")
    except OSError as error:
        raise ModelRefused(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelRefused(f"{file}: not TOML: {error}") from error
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        raise ModelRefused(f"{file}: {'; '.join(lines)}") from error
    files = {
        name: Weights(path=(file.parent / entry.file).resolve(), sha256=entry.sha256)
        for name, entry in sorted(card.weights.items())
    }
    return Registered(file=file, card=card, model=_model(card, files, domain))


def _model(card: Card, files: Mapping[str, Weights], domain: Domain) -> Model:
    deciding = {
        "id": card.id,
        "version": card.version,
        "architecture": card.architecture,
        "weights": {name: entry.sha256 for name, entry in files.items()},
        "cutoffs": dict(card.cutoffs),
        "domain": asdict(domain),
    }
    return Model(
        id=card.id,
        version=card.version,
        status=card.status,
        architecture=card.architecture,
        digest=hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest(),
        files=files,
        cutoffs=dict(card.cutoffs),
        calibration=card.calibration.digest if card.calibration else "",
        domain=domain,
        statement=card.statement,
    )


def cards(folder: str) -> Iterator[Registered | ModelRefused]:
    """Every card of a site's folder, ``*.toml`` there and one level below; a broken one is its refusal."""
    if not folder:
        return
    place = Path(folder).absolute()
    for file in sorted([*place.glob("*.toml"), *place.glob("*/*.toml")]):
        try:
            yield read(file)
        except ModelRefused as refusal:
            yield refusal


def fill(
    spec: PluginSpec, package: Path | None, site: PluginSettings | None, settings: Settings, today: date
) -> Filled:
    """Choose the models of a plugin and hold each against what this site's mode demands.

    Parameters
    ----------
    package : Path, optional
        Folder of the plugin's package, where its demonstration cards are.
    today : date
        Against which cards expire.
    """
    known = list(cards(settings.models.folder))
    wanted, tried = (site.models, site.candidates) if site else ({}, {})
    models: dict[str, Registered] = {}
    candidates: dict[str, Registered] = {}
    slots = {slot.name: slot for slot in spec.models}
    refused = [f"there is no slot {name!r}" for name in {*wanted, *tried} - set(slots)]
    warnings: list[str] = []
    for name, slot in slots.items():
        if name in wanted or not slot.optional:
            try:
                models[name] = _chosen(spec, slot, wanted.get(name, ""), known, package, settings, today)
            except ModelRefused as refusal:
                refused.append(f"slot {name}: {refusal}")
        if name in tried:
            try:
                found = _named(tried[name], known)
                _check(found, spec, slot, "research", today)
                candidates[name] = found
            except ModelRefused as refusal:
                warnings.append(f"slot {name}: the candidate is not tried: {refusal}")
    return Filled(models=models, candidates=candidates, refused=tuple(refused), warnings=tuple(warnings))


def for_task(
    filled: Filled, parameters: Mapping[str, ParameterValue], today: date
) -> tuple[dict[str, Model], dict[str, Model]]:
    """Models and candidates by slot, for a task that was planned with these parameters.

    Raises
    ------
    ModelRefused
        When a slot has no model that may speak, it expired since the node started, or is not the task's.
    """
    if filled.refused:
        raise ModelRefused("; ".join(filled.refused))
    for slot, found in filled.models.items():
        planned = parameters.get(PARAMETER + slot)
        if planned != found.model.name:
            raise ModelRefused(f"slot {slot}: the task was made for {planned}, now it holds {found.model.name}")
        if found.card.approval is not None and found.card.approval.expires < today:
            raise ModelRefused(f"slot {slot}: {found.key} expired on {found.card.approval.expires.isoformat()}")
    return (
        {slot: found.model for slot, found in filled.models.items()},
        {slot: found.model for slot, found in filled.candidates.items()},
    )


def _chosen(
    spec: PluginSpec,
    slot: ModelSlot,
    wanted: str,
    known: Sequence[Registered | ModelRefused],
    package: Path | None,
    settings: Settings,
    today: date,
) -> Registered:
    own = package / slot.demonstration if slot.demonstration and package is not None else None
    if own is not None and wanted == _DEMONSTRATION:
        found = read(own)
    elif wanted:
        found = _named(wanted, known)
    elif own is not None and settings.node.mode == "research":
        found = read(own)
    else:
        raise ModelRefused(f"no model is named: set plugins.{spec.name}.models.{slot.name} to the id/version of a card")
    _check(found, spec, slot, settings.node.mode, today)
    return found


def _named(wanted: str, known: Sequence[Registered | ModelRefused]) -> Registered:
    found = [one for one in known if isinstance(one, Registered) and wanted in (one.key, one.card.id)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ModelRefused(f"{wanted!r} names several cards: {', '.join(one.key for one in found)}; say id/version")
    broken = "".join(f"; {one}" for one in known if isinstance(one, ModelRefused))
    there = ", ".join(one.key for one in known if isinstance(one, Registered)) or "none"
    raise ModelRefused(f"no card {wanted!r} in models.folder; there are {there}{broken}")


def teacher(said: str, settings: Settings, plugins: Sequence[str], today: date) -> Registered:
    """A model that may teach: a folder with its card, as ``models train`` leaves it, or id/version of a site's card.

    Parameters
    ----------
    plugins : sequence of str
        Those whose models may teach here.

    Raises
    ------
    ModelRefused
        When there is no such model, it is another plugin's, or its files are not what its card says.
    """
    folder = Path(said)
    found = read(folder / _CARD) if folder.is_dir() else _named(said, list(cards(settings.models.folder)))
    name = f"teacher {found.key} ({found.file.name})"
    if found.card.plugin not in plugins:
        may = f"those of {', '.join(plugins)} may teach here" if plugins else "this plugin's training takes no teacher"
        raise ModelRefused(f"{name} is a model of {found.card.plugin}; {may}")
    if problems := list(unsound(found, "research", "", today)):
        raise ModelRefused(f"{name}: {'; '.join(problems)}")
    return found


def _check(found: Registered, spec: PluginSpec, slot: ModelSlot, mode: str, today: date) -> None:
    if problems := [*_unfit(found, spec, slot), *unsound(found, mode, spec.version, today)]:
        raise ModelRefused(f"{found.key} ({found.file.name}): {'; '.join(problems)}")


def _unfit(found: Registered, spec: PluginSpec, slot: ModelSlot) -> Iterator[str]:
    card = found.card
    if (card.plugin, card.slot) != (spec.name, slot.name):
        yield f"it is for the slot {card.slot!r} of {card.plugin}"
    other = bool(slot.instead) and set(slot.instead) <= set(card.weights)
    if not other and (missing := sorted(set(slot.files) - set(card.weights))):
        or_else = f", nor {', '.join(slot.instead)} instead" if slot.instead else ""
        yield f"it has no weights {', '.join(missing)}{or_else}"
    if missing := sorted(set(slot.cutoffs) - set(card.cutoffs)):
        yield f"it has no cut-off {', '.join(missing)}: calibrate it"


def unsound(found: Registered, mode: str, plugin_version: str, today: date) -> Iterator[str]:
    """Why a model may not speak in a mode: its status, its approval, its files; files are hashed, never unpickled."""
    card, approval = found.card, found.card.approval
    if mode == "clinical" and card.status != "validated":
        yield f"its status is {card.status!r}; clinical mode runs validated models only"
    if card.status == "validated" and approval is None:
        yield "it is called validated, but has no [approval]"
    if approval is not None and approval.expires < today:
        yield f"it expired on {approval.expires.isoformat()}"
    if approval is not None and mode == "clinical" and plugin_version not in approval.plugin_versions:
        yield f"it was validated with {', '.join(approval.plugin_versions)} of the plugin, this is {plugin_version}"
    for name, entry in found.model.files.items():
        if problem := _problem(entry):
            yield f"weights {name}: {problem}"


def _problem(entry: Weights) -> str:
    """What is wrong with a file; it is looked at as bytes alone."""
    name = entry.path.name
    try:
        with entry.path.open("rb") as stream:
            head = stream.read(9)
            length = int.from_bytes(head[:8], "little")
            if len(head) < 9 or head[8:] != b"{" or length > min(_LARGEST_HEADER, entry.path.stat().st_size):
                return f"{name} is not a safetensors file; a pickle is never opened"
            stream.seek(0)
            sha = hashlib.sha256()
            while part := stream.read(_CHUNK):
                sha.update(part)
    except OSError as error:
        return f"{name}: {error.strerror}"
    found = sha.hexdigest()
    return "" if found == entry.sha256 else f"{name} has the SHA-256 {found}, the card says {entry.sha256}"

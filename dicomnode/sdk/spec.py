"""What a plugin says about itself: data, read without running the plugin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from dicomnode.sdk.codes import Code
from dicomnode.sdk.facts import FACTS
from dicomnode.sdk.model import PARAMETER, ModelSlot

SDK_VERSION = 1
"""Raised when the interface changes so that older plugins break."""

Operator = Literal["eq", "ne", "in", "contains", "excludes", "ge", "le", "present", "absent"]
ParameterValue = float | int | str | bool
FindingKind = Literal[
    "Segmentation",
    "Measurement",
    "QualitativeEvaluation",
    "ParametricMap",
    "SecondaryCapture",
    "Recommendation",
    "Registration",
    "DerivedImage",
    "Presentation",
    "Decision",
]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_ROLE = re.compile(r"[a-z][a-z0-9_-]{0,47}")
_LONGEST_VERSION = 64
_ENTRY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A condition on one fact of a stack.

    ``keyword`` is a DICOM keyword, ``Role`` for what the node recognised the stack as, or ``Side`` (``L``, ``R``,
    ``B``) for its laterality. ``contains`` and ``excludes`` look for any of ``value`` among the values of a
    multi-valued attribute.
    """

    keyword: str
    op: Operator
    value: ParameterValue | tuple[ParameterValue, ...] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """Which earlier studies of the same patient an input may come from."""

    within_days: int = 3653
    """How much older than the exam the study may be."""
    same_body_part: bool = True
    """Refuse a series whose Body Part Examined is another one; where either does not say, it may come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRole:
    """One input of a plugin: what it is called, what fills it, and how it must relate to another one."""

    role: str
    match: tuple[Match, ...]
    required: bool = True
    square_pixels: bool = False
    """Take only volumes whose rows and columns lie equally far apart; by default a plugin copes with any."""
    many: bool = False
    """Every volume that fits fills it, not the best one alone: ask the case with ``every(role)``."""
    from_prior: Prior | None = None
    """Filled from an earlier study instead of the exam itself: from the newest one that has something fitting."""
    same_frame_as: str = ""
    """Role with which this one must share the frame of reference."""
    same_grid_as: str = ""
    """Role with which this one must share every voxel position (within 0.1 mm)."""
    segments_of: str = ""
    """Filled by a Segmentation that was made on the images in this role, or on images that the plugin binds to their
    grid: ask the case for ``segmentations[role]``. ``match`` may ask for ``SegmentTypes``, written
    ``10200004^SCT``. Such roles come after all others."""


def member_name(role: str, number: int) -> str:
    """What one of the volumes in a role of many is called, from 1; findings that lie on it name it so."""
    return f"{role}.{number}"


def role_of(name: str) -> str:
    """The role a volume is in: the inverse of :func:`member_name`, and the name itself in a role of one."""
    return name.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A setting of the plugin with its default, unit and bounds."""

    name: str
    default: ParameterValue
    unit: str = ""
    description: str
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one run may take."""

    cpus: int = 1
    memory_mib: int = 2048
    timeout_s: float = 300.0
    gpu: bool = False
    lane: Literal["express", "normal"] = "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """Something that is done on labelled exams, outside the node's work: training, calibration.

    The entry is called with a `dicomnode.sdk.cohort.Assignment` and a `Context`, in a process of its own.
    """

    entry: str
    """``package.module:function``."""
    parameters: tuple[Parameter, ...] = ()

    def __post_init__(self) -> None:
        _check_entry(self.entry)

    def resolve(self, given: Mapping[str, ParameterValue]) -> dict[str, ParameterValue]:
        """All parameters: the given ones over the defaults, types and bounds checked.

        Raises
        ------
        ValueError
            For an unknown name, a wrong type or a value out of bounds.
        """
        return _resolved(self.entry.partition(":")[2], self.parameters, given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """How a plugin's models come to be."""

    prepare: str
    """``package.module:function`` from a case to what its networks see, arrays by name; the plugin itself must run the
    same. `Unsuitable` leaves an exam out, with its reason."""
    train: Procedure
    calibrate: Procedure
    inputs: tuple[InputRole, ...] = ()
    """Inputs that labelled exams have beside those of the plugin itself: what a teacher may see of them, or what an
    expert has outlined in them (a role with ``segments_of``)."""
    teachers: tuple[str, ...] = ()
    """Plugins whose models may teach those of this one (``dicomnode models train --teacher``)."""

    def __post_init__(self) -> None:
        _check_entry(self.prepare)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSpec:
    """Everything the node needs to know to match, run, document and identify a plugin."""

    name: str
    version: str
    title: str
    intended_use: str
    status: Literal["demonstration", "research", "validated"]
    level: Literal["series", "study", "patient"] = "study"
    inputs: tuple[InputRole, ...]
    produces: tuple[FindingKind, ...]
    entry: str
    """``package.module:function``, imported only in the plugin's own process."""
    family: Code
    """Algorithm family (CID 7162), written into SEG and SR."""
    parameters: tuple[Parameter, ...] = ()
    resources: Resources = field(default_factory=Resources)
    facts: tuple[str, ...] = ()
    """Facts of the patient it is given where they are known (``dicomnode.sdk.facts``)."""
    advises: bool = False
    """It recommends what to do while the patient is still on the table; needs the express lane."""
    preload: tuple[str, ...] = ()
    """Modules the warm process imports ahead of time, for example ``scipy.ndimage``."""
    warm: str = ""
    """``package.module:function``, called there once with the models by slot: what it loads is there in every run. It
    must start no thread and not touch CUDA."""
    models: tuple[ModelSlot, ...] = ()
    """Slots for models; which one fills a slot is a parameter ``model.SLOT`` of every task."""
    learning: Learning | None = None
    """For a plugin with models that a site may train and calibrate (``dicomnode models train``)."""
    sdk: int = SDK_VERSION

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"plugin name must be lower-case letters, digits and underscores: {self.name!r}")
        if not 0 < len(self.version) <= _LONGEST_VERSION:
            raise ValueError(f"a version has 1 to {_LONGEST_VERSION} characters: {self.version!r}")
        _check_entry(self.entry)
        if self.warm:
            _check_entry(self.warm)
        if self.sdk > SDK_VERSION:
            raise ValueError(f"plugin needs SDK {self.sdk}, this node has {SDK_VERSION}")
        if unknown := sorted(set(self.facts) - set(FACTS)):
            raise ValueError(f"there is no fact {', '.join(unknown)}; there are {', '.join(FACTS)}")
        if self.advises and (self.resources.lane != "express" or "Recommendation" not in self.produces):
            raise ValueError("a plugin that advises runs in the express lane and produces a Recommendation")
        slots = [slot.name for slot in self.models]
        if len(set(slots)) < len(slots) or not all(_ROLE.fullmatch(slot) for slot in slots):
            raise ValueError(f"model slots must differ and be lower-case letters, digits and hyphens: {slots}")
        _check_inputs(self)

    def resolve(self, given: Mapping[str, ParameterValue]) -> dict[str, ParameterValue]:
        """All parameters: the given ones over the defaults, types and bounds checked.

        Raises
        ------
        ValueError
            For an unknown name, a wrong type or a value out of bounds.
        """
        slots = tuple(Parameter(name=PARAMETER + s.name, default="", description=s.description) for s in self.models)
        return _resolved(self.name, (*self.parameters, *slots), given)

    def to_json(self) -> dict[str, Any]:
        """The specification as JSON-safe data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PluginSpec:
        """Rebuild a specification; the inverse of :meth:`to_json`, through JSON text.

        Raises
        ------
        ValueError, TypeError, KeyError
            When the data are not a specification.
        """
        return cls(
            **{
                **data,
                "inputs": tuple(_input(role) for role in data["inputs"]),
                "produces": tuple(data["produces"]),
                "facts": tuple(data["facts"]),
                "preload": tuple(data["preload"]),
                "family": Code(**data["family"]),
                "parameters": tuple(Parameter(**parameter) for parameter in data["parameters"]),
                "resources": Resources(**data["resources"]),
                "models": tuple(_slot(slot) for slot in data["models"]),
                "learning": _learning(data["learning"]) if data.get("learning") else None,
            }
        )


def labelled(spec: PluginSpec) -> dict[str, str]:
    """The roles that segmentations fill, with the role on whose grid the labels are given."""
    return {role.role: role.segments_of for role in spec.inputs if role.segments_of}


def is_prior(spec: PluginSpec, name: str) -> bool:
    """Whether a volume of this name comes from an earlier study."""
    return any(role.role == role_of(name) and role.from_prior is not None for role in spec.inputs)


def _check_inputs(spec: PluginSpec) -> None:
    roles = [role.role for role in spec.inputs]
    if not roles or len(set(roles)) != len(roles):
        raise ValueError(f"input roles must be there and unique: {roles}")
    for role in spec.inputs:
        if not _ROLE.fullmatch(role.role):  # it names a file of the case directory
            raise ValueError(f"a role must be lower-case letters, digits, hyphens and underscores: {role.role!r}")
        for other in (role.same_frame_as, role.same_grid_as):
            if other and other not in roles:
                raise ValueError(f"role {role.role!r} refers to unknown role {other!r}")
        if role.from_prior is not None and (role.same_frame_as or role.same_grid_as):
            raise ValueError(f"role {role.role!r} is from a prior: studies share no frame of reference")
        if role.segments_of:
            _check_segments(role, spec.inputs)
        elif any(other.segments_of for other in spec.inputs[: roles.index(role.role)]):
            raise ValueError(f"role {role.role!r} must stand before those that segmentations fill")
    if all(role.from_prior is not None for role in spec.inputs):
        raise ValueError("a plugin needs an input from the exam itself, not from priors alone")
    if spec.level == "series" and spec.inputs[0].many:
        raise ValueError("a plugin of level 'series' runs on each volume alone: its first role cannot take many")


def _check_segments(role: InputRole, inputs: tuple[InputRole, ...]) -> None:
    images = next((other for other in inputs if other.role == role.segments_of), None)
    if images is None or images.segments_of or images.many or images.from_prior is not None or not images.required:
        raise ValueError(f"role {role.role!r} must lie on a required role of one volume of the exam itself")
    if role.many or role.from_prior is not None or role.same_frame_as or role.same_grid_as or role.square_pixels:
        raise ValueError(f"role {role.role!r} is filled by one segmentation of the exam, bound by segments_of alone")


def _check_entry(entry: str) -> None:
    if not _ENTRY.fullmatch(entry):
        raise ValueError(f"entry must be 'package.module:function': {entry!r}")


def _learning(data: Mapping[str, Any]) -> Learning:
    train, calibrate = (
        Procedure(
            entry=data[name]["entry"],
            parameters=tuple(Parameter(**parameter) for parameter in data[name]["parameters"]),
        )
        for name in ("train", "calibrate")
    )
    return Learning(
        prepare=data["prepare"],
        train=train,
        calibrate=calibrate,
        inputs=tuple(_input(role) for role in data.get("inputs", ())),
        teachers=tuple(data.get("teachers", ())),
    )


def _input(data: Mapping[str, Any]) -> InputRole:
    prior = Prior(**data["from_prior"]) if data["from_prior"] else None
    return InputRole(**{**data, "match": tuple(_match(match) for match in data["match"]), "from_prior": prior})


def _slot(data: Mapping[str, Any]) -> ModelSlot:
    lists = {name: tuple(data.get(name, ())) for name in ("files", "instead", "cutoffs")}
    return ModelSlot(**{**data, **lists})


def _match(data: Mapping[str, Any]) -> Match:
    value = data["value"]
    return Match(keyword=data["keyword"], op=data["op"], value=tuple(value) if isinstance(value, list) else value)


def _resolved(
    owner: str, parameters: tuple[Parameter, ...], given: Mapping[str, ParameterValue]
) -> dict[str, ParameterValue]:
    known = {parameter.name: parameter for parameter in parameters}
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(f"{owner} has no parameter {', '.join(unknown)}; it has {', '.join(known) or 'none'}")
    return {name: _checked(parameter, given.get(name, parameter.default)) for name, parameter in known.items()}


def _checked(parameter: Parameter, value: ParameterValue) -> ParameterValue:
    wanted = type(parameter.default)
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise ValueError(f"parameter {parameter.name} must be {wanted.__name__}, got {value!r}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = parameter.minimum, parameter.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            raise ValueError(f"parameter {parameter.name} must lie in [{low}, {high}], got {value!r}")
    return value

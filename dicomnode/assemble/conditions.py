"""Does a stack meet the conditions of an input role? And if not, what is in the way, in words."""

from __future__ import annotations

from collections.abc import Callable

from dicomnode.domain.instance import Fact, Facts
from dicomnode.domain.stack import Stack
from dicomnode.sdk.spec import InputRole, Match, Operator, ParameterValue

_ROLE, _SIDE = "Role", "Side"


def failures(stack: Stack, role: InputRole) -> tuple[str, ...]:
    """Every condition of a role that a stack does not meet, in words; empty when the stack fits.

    A stack without geometry fits nothing; its refusal then comes first.
    """
    lines = [stack.refusal] if stack.geometry is None else []
    if stack.is_segmentation != bool(role.segments_of):
        lines.append("a segmentation, no images" if stack.is_segmentation else "images, no segmentation")
    if role.square_pixels and stack.geometry is not None and not stack.geometry.square:
        _, rows, columns = stack.geometry.spacing
        lines.append(f"pixels of {rows:.4g} x {columns:.4g} mm are not square")
    return (*lines, *(_failure(stack, match) for match in role.match if not meets(stack, match)))


def meets(stack: Stack, match: Match) -> bool:
    """Whether one condition holds. Text compares without regard to case; an absent fact meets no positive condition."""
    return _OPERATORS[match.op](_values(stack, match.keyword), _wanted(match))


def holds(facts: Facts, match: Match) -> bool:
    """Whether one condition holds of header facts alone; a role or a side is nothing they have."""
    return _OPERATORS[match.op](_plain_values(facts.get(match.keyword)), _wanted(match))


def _values(stack: Stack, keyword: str) -> tuple[ParameterValue, ...]:
    """The values of a fact, text in capitals; empty when it is absent."""
    return _plain_values(_fact(stack, keyword))


def _plain_values(fact: Fact | None) -> tuple[ParameterValue, ...]:
    if fact is None:
        return ()
    return tuple(_plain(value) for value in (fact if isinstance(fact, list) else [fact]))


def _fact(stack: Stack, keyword: str) -> Fact | None:
    if keyword == _ROLE:
        return stack.role.role or None
    return side_of(stack.facts) or None if keyword == _SIDE else stack.facts.get(keyword)


def side_of(facts: Facts) -> str:
    """``L``, ``R`` or ``B`` from Laterality (0020,0060) or Image Laterality (0020,0062); empty when neither says."""
    said = {str(facts.get(keyword, "")).upper() for keyword in ("Laterality", "ImageLaterality")} & {"L", "R", "B"}
    return said.pop() if len(said) == 1 else ""


def _wanted(match: Match) -> tuple[ParameterValue, ...]:
    value = match.value
    return tuple(_plain(item) for item in (value if isinstance(value, tuple) else (value,)))


def _plain(value: ParameterValue) -> ParameterValue:
    return value.upper() if isinstance(value, str) else value


def _numbers(values: tuple[ParameterValue, ...]) -> list[float]:
    return [float(value) for value in values if isinstance(value, (int, float))]


def _at_least(values: tuple[ParameterValue, ...], wanted: tuple[ParameterValue, ...]) -> bool:
    found = _numbers(values)
    return bool(found) and min(found) >= max(_numbers(wanted))


def _at_most(values: tuple[ParameterValue, ...], wanted: tuple[ParameterValue, ...]) -> bool:
    found = _numbers(values)
    return bool(found) and max(found) <= min(_numbers(wanted))


_OPERATORS: dict[Operator, Callable[[tuple[ParameterValue, ...], tuple[ParameterValue, ...]], bool]] = {
    "eq": lambda values, wanted: values == wanted,
    "ne": lambda values, wanted: values != wanted,
    "in": lambda values, wanted: bool(values) and set(values) <= set(wanted),
    "contains": lambda values, wanted: bool(set(values) & set(wanted)),
    "excludes": lambda values, wanted: not set(values) & set(wanted),
    "ge": _at_least,
    "le": _at_most,
    "present": lambda values, _: bool(values),
    "absent": lambda values, _: not values,
}

_PHRASES: dict[Operator, str] = {
    "eq": "must be {wanted}",
    "ne": "must not be {wanted}",
    "in": "must be one of {wanted}",
    "contains": "must hold {wanted}",
    "excludes": "must not hold {wanted}",
    "ge": "must be at least {wanted}",
    "le": "must be at most {wanted}",
    "present": "must be present",
    "absent": "must be absent",
}


def _failure(stack: Stack, match: Match) -> str:
    if match.keyword == _ROLE:
        return stack.role.reasons[0]
    fact = _fact(stack, match.keyword)
    value = match.value
    wanted = " or ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    found = "absent" if fact is None else "\\".join(map(str, fact)) if isinstance(fact, list) else str(fact)
    return f"{match.keyword} is {found}, {_PHRASES[match.op].format(wanted=wanted)}"

"""Weights on disk: safetensors only, known by their digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import nn


class WeightsRefused(ValueError):
    """A file of weights that is not what its card says; the text says what is wrong with it."""


def save(network: nn.Module, file: Path) -> str:
    """Write the weights and return the SHA-256 of the file."""
    named = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    file.write_bytes(safetensors.torch.save(named))
    return digest(file)


def digest(file: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def load(network: nn.Module, file: Path, sha256: str) -> None:
    """Put weights into a network.

    Raises
    ------
    WeightsRefused
        When the file has another digest, is no safetensors file, or belongs to another network. A pickle is never
        opened: reading one runs what it says.
    """
    content = file.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise WeightsRefused(f"{file.name} has the SHA-256 {found}, its card says {sha256}")
    try:
        named = safetensors.torch.load(content)
    except SafetensorError as error:
        raise WeightsRefused(f"{file.name} is not a safetensors file: {error}") from error
    try:
        network.load_state_dict(named, assign=True)
    except RuntimeError as error:
        raise WeightsRefused(f"{file.name} belongs to another network: {error}") from error

"""The small task that the unit tests of the encoders use."""

from tests.unit.encode.conftest import task

__all__ = ["task"]

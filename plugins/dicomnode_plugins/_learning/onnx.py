"""Networks as ONNX files, and their scores by ONNX Runtime; needs the extra ``onnx``."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from dicomnode_plugins._learning.discrimination import Scores

_INPUT, _OUTPUT = "volumes", "logits"


class NotInstalled(ImportError):
    """The extra ``onnx`` is not installed."""


def export(network: nn.Module, shape: tuple[int, int, int, int], file: Path) -> None:
    """Write a network as one ONNX file.

    Parameters
    ----------
    shape : (inputs, z, y, x)
        Of what it sees; the number of exams at once stays free.

    Raises
    ------
    NotInstalled
        Without the extra.
    """
    try:
        import onnxscript  # noqa: F401 - torch's exporter needs it and says so less clearly
    except ImportError as error:
        raise NotInstalled("ONNX needs more packages: pip install 'dicomnode[onnx]'") from error
    exams = torch.export.Dim("exams", min=1, max=4096)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own making
        torch.onnx.export(
            network.cpu().eval(),
            (torch.zeros(2, *shape),),
            file,
            input_names=[_INPUT],
            output_names=[_OUTPUT],
            dynamic_shapes=({0: exams},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )


class Session:
    """An ONNX file, ready to score on the CPU."""

    def __init__(self, file: Path, threads: int) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise NotInstalled("ONNX needs more packages: pip install 'dicomnode[onnx]'") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.use_deterministic_compute = True
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def logits(self, volumes: npt.NDArray[np.float32]) -> Scores:
        """Scores of prepared volumes (n, inputs, z, y, x) float32: (n,) float64, before the logistic function."""
        (found,) = self._session.run([_OUTPUT], {_INPUT: volumes})
        scores: Scores = np.asarray(found, np.float64)
        return scores

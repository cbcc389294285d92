"""How long a network takes for one exam: torch as it comes, torch with channels last, ONNX Runtime.

    python -m benchmarks.triage.engines [--threads 2] [--rounds 7]

CPU seconds of all threads and wall seconds, the least of the rounds; other load on the machine makes both longer.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from dicomnode_plugins._learning.networks import network
from dicomnode_plugins._learning.onnx import Session, export

SHAPES: dict[str, tuple[int, int, int, int]] = {"densenet-small": (1, 14, 40, 40), "densenet121": (1, 32, 128, 128)}


class AsItComes(torch.nn.Module):
    """A network whose input keeps the order of its axes: DenseNet3D itself asks for channels last."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net.to(memory_format=torch.contiguous_format)

    def forward(self, volume: torch.Tensor) -> torch.Tensor:
        features = self.net.features(volume)
        return self.net.class_layers(self.net.pooled(features)).squeeze(1)


def least(score: Callable[[], object], rounds: int) -> tuple[float, float]:
    """CPU and wall seconds of the quickest round; the first, which warms up, does not count."""
    score()
    times = []
    for _ in range(rounds):
        cpu, wall = time.process_time(), time.perf_counter()
        score()
        times.append((time.process_time() - cpu, time.perf_counter() - wall))
    return min(cpu for cpu, _ in times), min(wall for _, wall in times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print("| network | engine | CPU s | wall s | largest difference (logit) |\n|---|---|---|---|---|")
    for name, shape in SHAPES.items():
        table(name, shape, given.threads, given.rounds)


def table(name: str, shape: tuple[int, int, int, int], threads: int, rounds: int) -> None:
    """The lines of one network."""
    torch.manual_seed(0)
    plain = network(name).eval()
    volume = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
    tensor = torch.from_numpy(volume)
    with TemporaryDirectory() as folder, torch.inference_mode():
        export(plain, shape, Path(folder) / "net.onnx")
        session = Session(Path(folder) / "net.onnx", threads)
        truth = float(network_in_double(name)(tensor.double())[0])
        eager, last = AsItComes(plain), network(name).eval().to(memory_format=torch.channels_last_3d)
        last.load_state_dict(plain.state_dict())
        engines: dict[str, Callable[[], float]] = {
            "torch": lambda: float(eager(tensor)[0]),
            "torch, channels last": lambda: float(last(tensor)[0]),
            "ONNX Runtime": lambda: float(session.logits(volume)[0]),
        }
        for engine, score in engines.items():
            off = abs(score() - truth)
            cpu, wall = least(score, rounds)
            print(f"| {name} | {engine} | {cpu:.3f} | {wall:.3f} | {off:.1e} |", flush=True)


def network_in_double(name: str) -> torch.nn.Module:
    """The same weights in double precision: what all engines should say."""
    torch.manual_seed(0)
    return network(name).eval().double()


if __name__ == "__main__":
    main()

"""The two stages: match the teacher's features, then its answers at all rates at once (as BottleFit does)."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from slicer.train.bottleneck import BITS, Bottleneck
from slicer.train.checkpoint import restore, save
from slicer.train.settings import Say, Settings
from slicer.train.tail import TorchTail

Halfs = npt.NDArray[np.float16]
Floats = npt.NDArray[np.float32]
Loss = Callable[[Tensor, npt.NDArray[np.int64], int], Tensor]


class Run:
    """One training run over cached features (N×C×H×W, float16) and the teacher's answers (N×..., one array each)."""

    def __init__(
        self, features: Halfs, answers: list[Floats], wanted: Settings, key: str, path: Path | None, say: Say
    ) -> None:
        self._features, self._answers, self._wanted = features, answers, wanted
        self._key, self._path, self._say = key, path, say
        self._state = restore(path, key)

    def match(self, layer: Bottleneck) -> None:
        """Stage 1: the decoded features are the teacher's, in relation to their variance."""
        scale = 1.0 / max(float(self._features[:512].astype(np.float32).var()), 1e-12)
        self._stage(1, layer, list(layer.parameters()), lambda x, _rows, bits: scale * F.mse_loss(layer(x, bits), x))

    def distil(self, layer: nn.Module, tail: TorchTail) -> None:
        """Stage 2: what is not frozen of the layer, called with features and bits, and the tail give the answers."""
        both = nn.ModuleList([layer, tail])
        trained = [p for p in both.parameters() if p.requires_grad]

        def loss(x: Tensor, rows: npt.NDArray[np.int64], bits: int) -> Tensor:
            told = [torch.from_numpy(one[rows]) for one in self._answers]
            return sum((_apart(a, b) for a, b in zip(tail(layer(x, bits)), told, strict=True)), torch.zeros(()))

        self._stage(2, both, trained, loss)

    def _stage(self, stage: int, module: nn.Module, trained: list[nn.Parameter], loss: Loss) -> None:
        steps = torch.optim.Adam(trained, lr=self._wanted.rate)
        first = self._resumed(stage, module, steps)
        for epoch in range(first, self._wanted.epochs):
            rate = self._wanted.rate * (2.0 if stage == 1 else 0.5)
            for group in steps.param_groups:
                group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * epoch / self._wanted.epochs))
            lost = self._epoch(stage, epoch, steps, loss)
            self._say(f"stage {stage} epoch {epoch + 1}/{self._wanted.epochs}: loss {lost:.4f}")
            state = {"module": module.state_dict(), "steps": steps.state_dict()}
            save(self._path, self._key, {"stage": stage, "epoch": epoch + 1, **state})

    def _resumed(self, stage: int, module: nn.Module, steps: torch.optim.Optimizer) -> int:
        state = self._state
        if state is None or state["stage"] < stage:
            return 0
        if state["stage"] > stage:
            return self._wanted.epochs  # the later stage's state has this one's layer in it
        module.load_state_dict(state["module"])
        steps.load_state_dict(state["steps"])
        return int(state["epoch"])

    def _epoch(self, stage: int, epoch: int, steps: torch.optim.Optimizer, loss: Loss) -> float:
        """One pass in an order that seed, stage and epoch decide, so that a resumed run is the same run."""
        lost = []
        for rows, bits in self._batches(f"{self._wanted.seed} {stage} {epoch}"):
            x = torch.from_numpy(self._features[rows].astype(np.float32))
            found = loss(x, rows, bits)
            steps.zero_grad()
            found.backward()
            steps.step()
            lost.append(found.item())
        return float(np.mean(lost))

    def _batches(self, seed: str) -> Iterator[tuple[npt.NDArray[np.int64], int]]:
        drawn = random.Random(seed)  # noqa: S311
        order = np.array(drawn.sample(range(len(self._features)), len(self._features)), np.int64)
        for start in range(0, len(order), self._wanted.batch):
            yield order[start : start + self._wanted.batch], drawn.choice(BITS)


def _apart(found: Tensor, told: Tensor) -> Tensor:
    """Classes by the divergence of their probabilities; anything else by squares, in relation to the variance."""
    if found.dim() != 2 or found.shape[1] < 2:
        return F.mse_loss(found, told) / told.var().clamp_min(1e-12)
    if bool((told >= 0).all()) and bool(((told.sum(1) - 1).abs() < 1e-3).all()):
        return F.kl_div(found.clamp_min(1e-8).log(), told.clamp_min(1e-8), reduction="batchmean")
    return F.kl_div(F.log_softmax(found, 1), F.softmax(told, 1), reduction="batchmean")

"""The two stages: match the teacher's features, then its answers (BottleFit), at all rates, in few bits at each."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from slicer.train.checkpoint import restore, save
from slicer.train.learned import BITS, Learned
from slicer.train.settings import Say, Settings
from slicer.train.tail import TorchTail

_FASTER = {1: 2.0, 2: 0.25}  # times the rate asked for: a new layer learns faster than a trained tail may change

Halfs = npt.NDArray[np.float16]
Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Loss = Callable[[Tensor, Rows, int], tuple[Tensor, Tensor]]
"""Features, which rows they are and bits to what is made smaller, and the bits an element in it."""


@dataclass(frozen=True, slots=True)
class Held:
    """Samples that are not trained on: their features, the classes due, and the share that the whole model has right.

    `bits`: those of the level at which they are looked at after each epoch.
    """

    features: Halfs
    told: Rows
    whole: float
    bits: int


class Run:
    """One training run over cached features (N×C×H×W, float16) and the teacher's answers (N×..., one array each).

    `targets`: the features that the decoder is to give, where they are not those that the encoder takes.
    """

    def __init__(
        self,
        features: Halfs,
        answers: list[Floats],
        wanted: Settings,
        key: str = "",
        path: Path | None = None,
        say: Say = lambda _line: None,
        held: Held | None = None,
        targets: Halfs | None = None,
    ) -> None:
        self._features, self._answers, self._wanted, self._held = features, answers, wanted, held
        self._targets = features if targets is None else targets
        self._key, self._path, self._say = key, path, say
        self._state = restore(path, key)

    def match(self, layer: Learned) -> None:
        """Stage 1: the decoded features are the teacher's, in relation to their variance."""
        scale = 1.0 / max(float(self._targets[:512].astype(np.float32).var()), 1e-12)

        def loss(x: Tensor, rows: Rows, bits: int) -> tuple[Tensor, Tensor]:
            found, rate = layer(x, bits)
            told = x if self._targets is self._features else torch.from_numpy(self._targets[rows].astype(np.float32))
            return scale * F.mse_loss(found, told) + self._wanted.weight * rate, rate

        self._stage(1, layer, list(layer.parameters()), loss)

    def distil(self, layer: nn.Module, tail: TorchTail) -> None:
        """Stage 2: the layer, called with features and bits, and the tail give the answers, in few bits."""
        both = nn.ModuleList([layer, tail])

        def loss(x: Tensor, rows: Rows, bits: int) -> tuple[Tensor, Tensor]:
            told = [torch.from_numpy(one[rows]) for one in self._answers]
            found, rate = layer(x, bits)
            apart = sum((distance(a, b) for a, b in zip(tail(found), told, strict=True)), torch.zeros(()))
            return apart + self._wanted.weight * rate, rate

        self._stage(2, both, list(both.parameters()), loss, lambda: self._lost(layer, tail))

    def _lost(self, layer: nn.Module, tail: TorchTail) -> float | None:
        """The share of the held-out samples that the halves have wrong beyond what the whole model has."""
        held = self._held
        if held is None:
            return None
        right = []
        with torch.no_grad():
            for start in range(0, len(held.told), self._wanted.batch):
                rows = slice(start, start + self._wanted.batch)
                found = tail(layer(torch.from_numpy(held.features[rows].astype(np.float32)), held.bits)[0])[0]
                right.append((found.argmax(-1).numpy() == held.told[rows]).reshape(found.shape[0], -1).mean(1))
        return held.whole - float(np.concatenate(right).mean())

    def _stage(
        self,
        stage: int,
        module: nn.Module,
        trained: list[nn.Parameter],
        loss: Loss,
        lost: Callable[[], float | None] = lambda: None,
    ) -> None:
        optimiser = torch.optim.Adam(trained, lr=self._wanted.rate)
        first = self._resumed(stage, module, optimiser)
        for epoch in range(first, self._wanted.epochs):
            rate = self._wanted.rate * _FASTER[stage] * 0.5 * (1 + math.cos(math.pi * epoch / self._wanted.epochs))
            found, bits = self._epoch(stage, epoch, optimiser, loss, rate)
            less = lost()
            text = "" if less is None else f", {less:.2%} lost on held-out samples"
            self._say(f"stage {stage} epoch {epoch + 1}/{self._wanted.epochs}: loss {found:.4f}, {bits:.2f} bits{text}")
            done = less is not None and self._wanted.budget is not None and less <= self._wanted.budget
            state = {"module": module.state_dict(), "steps": optimiser.state_dict()}
            save(self._path, self._key, {"stage": stage, "epoch": self._wanted.epochs if done else epoch + 1, **state})
            if done:
                self._say(f"stage {stage} ends here: at most {self._wanted.budget:.2%} may be lost")
                return

    def _resumed(self, stage: int, module: nn.Module, steps: torch.optim.Optimizer) -> int:
        state = self._state
        if state is None or state["stage"] < stage:
            return 0
        if state["stage"] > stage:
            return self._wanted.epochs  # the later stage's state has this one's layer in it
        module.load_state_dict(state["module"])
        steps.load_state_dict(state["steps"])
        return int(state["epoch"])

    def _epoch(
        self, stage: int, epoch: int, optimiser: torch.optim.Optimizer, loss: Loss, rate: float
    ) -> tuple[float, float]:
        """Mean loss and bits of one pass, in an order and with noise that seed, stage and epoch decide.

        So a resumed run is the same run. The first pass begins with small steps: the tail has never seen such features,
        and a network whose normalisation is folded into its weights does not come back from a large wrong step.
        """
        drawn = random.Random(f"{self._wanted.seed} {stage} {epoch}")  # noqa: S311
        torch.manual_seed(drawn.getrandbits(32))
        seen = []
        count = -(-len(self._features) // self._wanted.batch)
        for number, (rows, bits) in enumerate(self._batches(drawn), start=1):
            for group in optimiser.param_groups:
                group["lr"] = rate * (number / count if epoch == 0 else 1.0)
            found, coded = loss(torch.from_numpy(self._features[rows].astype(np.float32)), rows, bits)
            optimiser.zero_grad()
            found.backward()
            optimiser.step()
            seen.append((found.item(), coded.item()))
        mean, bits_mean = np.mean(seen, axis=0)
        return float(mean), float(bits_mean)

    def _batches(self, drawn: random.Random) -> Iterator[tuple[Rows, int]]:
        order = np.array(drawn.sample(range(len(self._features)), len(self._features)), np.int64)
        for start in range(0, len(order), self._wanted.batch):
            yield order[start : start + self._wanted.batch], drawn.choice(BITS)


def distance(found: Tensor, told: Tensor) -> Tensor:
    """Classes by the divergence of their probabilities; anything else by squares, in relation to the variance."""
    if found.dim() != 2 or found.shape[1] < 2:
        return F.mse_loss(found, told) / told.var().clamp_min(1e-12)
    if bool((told >= 0).all()) and bool(((told.sum(1) - 1).abs() < 1e-3).all()):
        return F.kl_div(found.clamp_min(1e-8).log(), told.clamp_min(1e-8), reduction="batchmean")
    return F.kl_div(F.log_softmax(found, 1), F.softmax(told, 1), reduction="batchmean")

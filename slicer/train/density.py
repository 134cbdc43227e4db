"""How many bits the entropy coder will take: a density a channel, learned with the layer (Ballé, arXiv 1611.01704)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_PARTS = 3  # logistic densities, mixed, for each channel
_LEAST = 1e-6


class Density(nn.Module):
    """The density of what travels, channel by channel, apart from all other elements."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.zeros(channels, _PARTS))
        self.mean = nn.Parameter(torch.linspace(-0.5, 0.5, _PARTS).repeat(channels, 1))
        self.width = nn.Parameter(torch.linspace(-1.5, 0.0, _PARTS).repeat(channels, 1))

    def forward(self, sent: Tensor, step: float) -> Tensor:
        """Mean bits an element of `sent` (N×C×H×W) where values `step` apart are told from each other."""
        noisy = sent + step * (torch.rand_like(sent) - 0.5)
        centred = noisy.movedim(1, -1).unsqueeze(-1) - self.mean
        width = self.width.exp() + 1e-3
        above = torch.sigmoid((centred + step / 2) / width)
        below = torch.sigmoid((centred - step / 2) / width)
        likely = ((above - below) * torch.softmax(self.share, 1)).sum(-1)
        bits: Tensor = -torch.log2(likely.clamp_min(_LEAST)).mean()
        return bits

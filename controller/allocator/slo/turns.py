"""One process with its queue, measured in turns: a turn is what a full batch takes.

The server always turns: it takes up to `batch` waiting requests at each turn's start and answers them at its end;
an empty turn is a turn as well (a server on vacation). Requests that a turn leaves waiting follow Lindley's
recursion Q' = max(Q + A - batch, 0), A the arrivals of a turn, Poisson of mean a. Kingman's inequality bounds it:
P(Q >= x) <= exp(-theta x), theta > 0 the root of a (e^theta - 1) = theta batch (Kingman 1964, A martingale
inequality in the theory of queues). A real batcher is greedy: it starts at once when free, and a smaller batch
takes no longer, so it answers no later than this, but for corner cases far rarer than the bound is loose.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MOST_TURNS = 64.0  # an objective of more turns is taken as this many: 99 % of a full load are admitted by then
STEPS = 64  # objectives in turns are rounded down to so many steps an octave
HALVINGS = 22
MOMENTS = (np.arange(16) + 0.5) / 16  # of a turn, at which a request may come


@lru_cache(maxsize=65_536)
def most_arrivals(batch: int, turns: float, misses: float) -> float:
    """The most arrivals per turn, Poisson, at which at most the share `misses` takes longer than `turns`.

    Between 0 (even one in a day would be late) and `batch`. Grows with `batch`, `turns` and `misses`.
    """
    turns = min(turns, MOST_TURNS)
    if turns < 1:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if missed(middle * batch, batch, turns) <= misses else (low, middle)
    return low * batch


def rounded(turns: float) -> float:
    """`turns` rounded down to the grid that results are kept for."""
    if turns < 1:
        return 0.0
    return float(2 ** (math.floor(math.log2(min(turns, MOST_TURNS)) * STEPS + 1e-9) / STEPS))


def missed(arrivals: float, batch: int, turns: float) -> float:
    """An upper bound on the share of requests that take longer than `turns`; `arrivals` above 0, per turn.

    Who comes u into a turn finds Q and the u turns' arrivals ahead, rides in turn j = floor(ahead / batch) after
    this one and is answered (1 - u) + (j + 1) turns after it came; averaged over u.
    """
    if arrivals >= batch:
        return 1.0
    last = np.floor(turns - 2 + MOMENTS + 1e-9)  # the last turn that still answers in time; -1: none
    ahead = batch * (last + 1)
    late = np.where(last < 0, 1.0, _exceeds(ahead, arrivals * MOMENTS, decay(arrivals, batch)))
    return float(late.mean())


def decay(arrivals: float, batch: int) -> float:
    """Kingman's theta, rounded down; `arrivals` below `batch`."""
    low = math.log(batch / arrivals)  # where a (e^t - 1) - t b is least, hence negative
    high = low + 1
    while arrivals * math.expm1(high) < high * batch:
        high += 1
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if arrivals * math.expm1(middle) < middle * batch else (low, middle)
    return low


def _exceeds(ahead: Floats, means: Floats, theta: float) -> Floats:
    """P(Q + Poisson(mean) >= ahead) for each pair, Q bounded by exp(-theta x)."""
    top = float(means.max())
    counts = np.arange(int(top + 12 * math.sqrt(top) + 30))[None, :]
    chances = np.exp(counts * np.log(means[:, None]) - means[:, None] - _log_factorials(counts.size)[None, :])
    return np.asarray((chances * np.exp(np.minimum(0.0, -theta * (ahead[:, None] - counts)))).sum(axis=1))


@lru_cache(maxsize=512)
def _log_factorials(count: int) -> Floats:
    return np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, count)))))

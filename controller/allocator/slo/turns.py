"""One process with its queue, measured in turns: a turn is what a full batch takes.

Every batch is taken to last a turn. A free process takes up to `batch` waiting requests at once, or waits for the
next and takes it alone. Requests that a batch leaves waiting follow Lindley's recursion Q' = max(Q + A - batch, 0),
A the arrivals of a turn, Poisson of mean a; an idle spell leaves none either way, so idling does not change it.
Kingman's inequality bounds it: P(Q >= x) <= exp(-theta x), theta > 0 the root of a (e^theta - 1) = theta batch
(Kingman 1964, A martingale inequality in the theory of queues). Poisson arrivals see time averages: one that finds
the process idle takes a turn, one that finds it busy comes u into a turn, u even on [0, 1).

A smaller batch takes no longer, and leaves less behind, so a real process answers no later than this, but for corner
cases (a batch that starts early just misses a burst) far rarer than the bound is loose.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MOST_TURNS = 64.0  # an objective of more turns is taken as this many: 99 % of a full load are admitted by then
STEPS = 64  # objectives in turns are rounded down to so many steps an octave
HALVINGS = 13  # to 0.003 of theta: at most 0.3 % less is admitted than could be
STEEPEST = 24.0  # theta at which next to nothing is admitted


@lru_cache(maxsize=65_536)
def most_arrivals(batch: int, turns: float, misses: float) -> float:
    """The most arrivals per turn, Poisson, at which at most the share `misses` takes longer than `turns`.

    Between 0 (even one in a day would be late) and `batch`. Grows with `batch`, `turns` and `misses`.
    """
    turns = min(turns, MOST_TURNS)
    if turns < 1:
        return 0.0
    low, high = 0.0, STEEPEST  # of theta, from which the arrivals follow without solving for a root
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        arrivals = middle * batch / math.expm1(middle)
        low, high = (low, middle) if _late(arrivals, middle, batch, turns) <= misses else (middle, high)
    return high * batch / math.expm1(high) if high < STEEPEST else 0.0


def rounded(turns: float) -> float:
    """`turns` rounded down to the grid that results are kept for."""
    if turns < 1:
        return 0.0
    return float(2 ** (math.floor(math.log2(min(turns, MOST_TURNS)) * STEPS + 1e-9) / STEPS))


def missed(arrivals: float, batch: int, turns: float) -> float:
    """At most this share of requests takes longer than `turns`, 1 or more; `arrivals` above 0, per turn."""
    return 1.0 if arrivals >= batch else _late(arrivals, decay(arrivals, batch), batch, turns)


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


def _late(arrivals: float, theta: float, batch: int, turns: float) -> float:
    """The share that is late, by `theta`.

    Who comes u into a turn finds Q and the u turns' arrivals ahead, rides in turn j = floor(ahead / batch) after
    this one and is answered (1 - u) + (j + 1) turns after it came: in time if j <= floor(turns - 2 + u), which is one
    more from u = 1 - (turns' fraction) on.
    """
    whole = math.floor(turns)
    counts = np.arange(int(arrivals + 12 * math.sqrt(arrivals) + 30))  # more do not come
    early = _tails(arrivals * (1 - (turns - whole)), counts)
    all_of_it = _tails(arrivals, counts)
    late = _left(batch * (whole - 1) - counts, theta) @ early
    late += _left(batch * whole - counts, theta) @ np.maximum(all_of_it - early, 0.0)
    idle = -math.expm1(-theta) * math.exp(-arrivals)  # at least; per arrival of a turn
    return float(late / (arrivals + idle))


def _left(least: npt.NDArray[np.int64], theta: float) -> Floats:
    """P(Q >= least), at most."""
    return np.asarray(np.exp(-theta * np.maximum(least, 0)))


def _tails(mean: float, counts: npt.NDArray[np.int64]) -> Floats:
    """P(Poisson(mean) > k) for k = 0, 1, ...: the integral of P(Poisson(x) = k) over x from 0 to `mean`."""
    chances = np.exp(counts * math.log(mean) - mean - _log_factorials(counts.size)) if mean > 0 else counts * 0.0
    return np.asarray(np.cumsum(chances[::-1])[::-1] - chances)


@lru_cache(maxsize=512)
def _log_factorials(count: int) -> Floats:
    return np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, count)))))

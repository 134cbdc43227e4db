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

MOST_OCTAVES = 6  # an objective of more than 64 turns is taken as that many: 99 % of a full load are admitted by then
STEPS = 64  # objectives in turns are rounded down to so many steps an octave
BLOCK = 16  # steps that are found together: one costs little less
HALVINGS = 13  # to 0.003 of theta: at most 0.3 % less is admitted than could be
STEEPEST = 24.0  # theta at which next to nothing is admitted


def admitted_arrivals(batch: int, turns: Floats, misses: float) -> Floats:
    """`most_arrivals` for each of `turns`, rounded down to a grid whose results are kept; below a turn none."""
    steps = np.floor(np.log2(np.clip(turns, 1.0, 2.0**MOST_OCTAVES)) * STEPS + 1e-9).astype(np.int64)
    kept = _kept(batch, misses)
    unknown = steps[np.isnan(kept[steps])]
    if unknown.size:
        blocks = np.unique(unknown // BLOCK)
        wanted = (blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel()
        kept[wanted] = most_arrivals(batch, 2 ** (wanted / STEPS), misses)
    return np.where(turns < 1, 0.0, kept[steps])


@lru_cache(maxsize=4_096)
def _kept(_batch: int, _misses: float) -> Floats:
    """What is known so far of a batch and a share, by step; NaN where nothing is."""
    return np.full(MOST_OCTAVES * STEPS + BLOCK, math.nan)


def most_arrivals(batch: int, turns: Floats, misses: float) -> Floats:
    """The most arrivals per turn, Poisson, at which at most the share `misses` takes longer than `turns`, 1 or more.

    Between 0 (even one in a day would be late) and `batch`. Grows with `batch`, `turns` and `misses`.
    """
    low, high = np.zeros(turns.size), np.full(turns.size, STEEPEST)  # of theta: no need to solve for a root
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        holds = missed(middle, batch, turns) <= misses
        low, high = np.where(holds, low, middle), np.where(holds, middle, high)
    return np.where(high < STEEPEST, high * batch / np.expm1(high), 0.0)


def missed(theta: Floats, batch: int, turns: Floats) -> Floats:
    """At most this share takes longer than `turns`, each for the arrivals of which `theta` is Kingman's.

    Who comes u into a turn finds Q and the u turns' arrivals ahead, rides in turn j = floor(ahead / batch) after
    this one and is answered (1 - u) + (j + 1) turns after it came: in time if j <= floor(turns - 2 + u), which is one
    more from u = 1 - (turns' fraction) on.
    """
    arrivals = theta * batch / np.expm1(theta)
    whole = np.floor(turns)
    most = float(arrivals.max())
    counts = np.arange(int(most + 12 * math.sqrt(most) + 30))  # more do not come
    early = _tails(arrivals * (1 - (turns - whole)), counts)
    after = np.maximum(_tails(arrivals, counts) - early, 0.0)
    late = (_left(batch * (whole - 1), counts, theta) * early).sum(axis=1)
    late += (_left(batch * whole, counts, theta) * after).sum(axis=1)
    idle = -np.expm1(-theta) * np.exp(-arrivals)  # at least; per arrival of a turn
    return np.asarray(late / (arrivals + idle))


def _left(ahead: Floats, counts: npt.NDArray[np.int64], theta: Floats) -> Floats:
    """P(Q + count >= ahead) by count, at most."""
    return np.asarray(np.exp(-theta[:, None] * np.maximum(ahead[:, None] - counts, 0)))


def _tails(means: Floats, counts: npt.NDArray[np.int64]) -> Floats:
    """P(Poisson(mean) > k) for k = 0, 1, ...: the integral of P(Poisson(x) = k) over x from 0 to each mean, above 0."""
    chances = np.exp(counts * np.log(means)[:, None] - means[:, None] - _log_factorials(counts.size))
    return np.asarray(np.cumsum(chances[:, ::-1], axis=1)[:, ::-1] - chances)


@lru_cache(maxsize=512)
def _log_factorials(count: int) -> Floats:
    return np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, count)))))

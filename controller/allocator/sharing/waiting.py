"""How long a request may wait on a shared segment: bounds that hold for any work-conserving order of execution.

Executions are one at a time and run to their end. Tenant j's requests are Poisson of rate l_j, each L_j long;
rho = sum l_j L_j < 1. Let V be the unfinished work that a request of tenant i finds (what is under way included)
and A_i(u) the work of the *others* that arrives in the u after it; a model's own requests go first come first
served (Triton's queue), so later ones of i never pass. While it waits the server is never idle, so it waits
longer than x only if V + A_i(u) > u for every u up to x: a busy period that begins with V outlasts x. V does not
depend on the order (it only grows by arrivals and falls at rate 1), arrivals see it as time does (PASTA), and A_i
does not depend on V. A process whose intensity never passes l_j, and does not depend on the queue, is a thinning
of Poisson arrivals of rate l_j: the bound for these covers it.

Batches: an execution may take b items of one tenant together where that lasts at most b L_j. Count each waiting item
of j as L_j, and what is under way as its rest: this work grows by the same arrivals, falls at rate 1 while there is
any, and only falls further when a batch begins, so it never exceeds V, nor V + A_i(u) - u while the request waits. It
waits no longer until its execution begins.

How long that takes: let T be when V + A_i(u) - u first is 0, and N(u) how many requests of i come in the u after r, the
one looked at. Say r's execution begins at w, with a items of i that came before r, and at most N(w) after. Those a are
work not yet done, so V + A_i(w) - w >= a L_i, and T >= w + a L_i, as work falls at rate 1 at most. With e(b) for b
items together (as much as a batch has room for), r is answered at w + e(a + 1 + N(w)) <= T + extra(N(T)), where
extra(k) is the most that e(a + 1 + n) - a L_i is for any a and any n up to k: L_i for k = 0, never falling, at most a
full batch. So r is late only if T > slack(N(T)), where slack(k) is its SLO less extra(k). N is Poisson, and does not
depend on V and A_i, nor so on T.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Spectrum = npt.NDArray[np.complex128]

STEPS = 240  # of the lattice, in a tenant's slack
# By so much, in logarithms, may Chernoff's bound miss where the ballot theorem's is asked: near 1e-4 it is
# 2 to 5 tighter, so beyond it would refuse too, only later.
HOPELESS = 4.0
_POINTS = 512  # of a Fourier inversion: above 2 STEPS, so that rounding errors stay below _ERROR
_DAMPING = 1e-12  # radius^_POINTS: by how much of those _POINTS further on a coefficient comes out too high
# P(V = v) is at most _DAMPING too high; E[V; V + A = j], below j, at most the sum over m of _DAMPING^m (j + m _POINTS).
_ERROR = float(_DAMPING * (2 * STEPS + 2 * _POINTS * (1 + np.log(STEPS))))
_BLOCK = 16  # about the square root of STEPS
_LARGEST_EXPONENT = 500.0  # e to it is finite, and past any use


@dataclass(frozen=True, slots=True)
class Load:
    """The tenants of one segment: peak rates (n,) in requests per ms, execution times of one item (n,), ms, and slacks.

    Slacks (n, k), ms, never rising: what T may be at most if 0, 1, ... later items of the tenant come in it; the last
    is for so many or more.
    """

    rates: Array
    latencies: Array
    slacks: Array

    def of(self, tenants: Sequence[int]) -> Load:
        """That of some of them."""
        chosen = list(tenants)
        return Load(self.rates[chosen], self.latencies[chosen], self.slacks[chosen])

    @property
    def utilisation(self) -> float:
        """The share of time that executions take."""
        return float(self.rates @ self.latencies)


def holds(load: Load, thetas: Array, miss: float, likely: Array | None = None) -> bool:
    """Whether every tenant is late with at most the probability `miss`.

    `thetas` (k,), per ms: where Chernoff's bound is tried. The bound by the ballot theorem, several times
    tighter and dearer, is asked only about the tenants that Chernoff's does not clear. `likely`: the load's
    `likely_slacks`, where they are known.
    """
    if load.utilisation >= 1 or load.slacks[:, 0].min() <= 0:
        return False
    ranking = likely_slacks(load, miss) if likely is None else likely
    sure, beyond = chernoff(load, np.stack([load.slacks[:, -1], ranking]), thetas) - np.log(miss)
    if beyond.max() > HOPELESS:
        return False
    worst_first = np.argsort(-beyond, kind="stable")
    return all(ballot(load, int(tenant)) <= miss for tenant in worst_first if sure[tenant] > 0)


def growth(rates: Array, latencies: Array, thetas: Array) -> Array:
    """The log moment rate of each tenant's work, l (e^(theta L) - 1), shape (n, k)."""
    return rates[:, None] * np.expm1(np.minimum(np.outer(latencies, thetas), _LARGEST_EXPONENT))


def likely_slacks(load: Load, miss: float) -> Array:
    """One slack (n,) for each tenant's several, under which about as much is late where `miss` is: to rank by.

    As if T's tail fell to `miss` over the longest slack, exponentially, and N came in all of that.
    """
    longest = np.maximum(load.slacks[:, :1], 1e-9)
    decay = -np.log(miss) / longest
    fewer = _fewer(load.rates * longest[:, 0], load.slacks.shape[1] - 1)
    share = np.diff(fewer, axis=1, append=1.0)
    missing = np.exp(np.minimum(decay * (longest - load.slacks), _LARGEST_EXPONENT))
    found: Array = longest[:, 0] - np.log((share * missing).sum(axis=1)) / decay[:, 0]
    return found


def chernoff(load: Load, slacks: Array, thetas: Array) -> Array:
    """Natural logarithm of a bound on P(T > slack), shape of `slacks` (..., n); infinite where no theta gives one.

    P(V + A_i(x) > x) <= E e^(th V) e^(x (Lambda_i(th) - th)), with E e^(th V) = (1 - rho) th / (th - Lambda(th))
    (Pollaczek-Khinchine, where th > Lambda(th)); Lambda is the sum of `growth`, Lambda_i leaves i out.
    """
    own = growth(load.rates, load.latencies, thetas)
    total = own.sum(axis=0)
    open_ = thetas > total
    if not open_.any():
        return np.full(slacks.shape, np.inf)
    own, total, at = own[:, open_], total[open_], thetas[open_]
    start = np.log((1 - load.utilisation) * at / (at - total))
    bound: Array = (start + (total - own - at) * slacks[..., None]).min(axis=-1)
    return bound


def ballot(load: Load, tenant: int) -> float:
    """A bound on P(T > slack(N(T))) of one tenant: T's distribution, exact on a lattice that rounds work up.

    On a lattice of the longest slack's STEPS or fewer parts, V (Pollaczek-Khinchine: a geometric number of residual
    executions) and A_i are whole numbers and V + A_i(j) - j falls by at most 1 a step, so P(it reaches 0 first at j) is
    E[V; V + A_i(j) = j] / j (ballot theorem; Takács 1967, Otter, Dwass), and r in time with the probability that N(j)
    leaves room. Coefficients by the damped Fourier inversion of Abate and Whitt (LATTICE-POISSON, 1992), whose error,
    at most _ERROR, is added.
    """
    longest = float(load.slacks[tenant, 0])
    steps, lengths = _lattice(load, longest)
    rates = load.rates * longest / steps
    idle = 1 - float(rates @ lengths)
    if idle <= 0:
        return 1.0
    z, powers = _circle()
    jumps = powers[lengths.astype(np.intp)] if lengths.max() < len(powers) else z[None, :] ** lengths[:, None]
    residual = (rates[:, None] * (1 - jumps)).sum(axis=0) * z / (1 - z)
    damped = np.fft.irfft(idle / (1 - residual), _POINTS)[: steps + 1]  # P(V = v) radius^v
    weighted = np.fft.rfft(damped * np.arange(steps + 1), _POINTS)
    others = np.where(np.arange(len(rates)) == tenant, 0.0, rates) @ (jumps - 1)
    weighted[1:-1] *= 2  # the other half of the spectrum is the conjugate
    in_time = _in_time(load.slacks[tenant], rates[tenant], longest / steps, steps)
    emptied = (weighted @ _logarithm(np.exp(others) / z, in_time)).real / _POINTS
    return float(1 - idle - emptied + _ERROR)


@cache
def _circle() -> tuple[Spectrum, Spectrum]:
    """Where transforms are evaluated, (k,), and the powers of it that executions mostly ask for, (STEPS + 1, k)."""
    z = _DAMPING ** (1 / _POINTS) * np.exp(-2j * np.pi * np.arange(_POINTS // 2 + 1) / _POINTS)
    return z, z[None, :] ** np.arange(STEPS + 1.0)[:, None]


def _in_time(slacks: Array, rate: float, step: float, steps: int) -> Array:
    """P(fewer come in j steps than leave no room for a T of j), shape (steps,), j from 1; `rate` is per step."""
    found, spans = np.ones(steps), np.arange(1.0, steps + 1) * (step * (1 - 1e-12))
    unsure = np.flatnonzero(spans > slacks[-1])
    room = (slacks[:, None] >= spans[unsure]).sum(axis=0)  # later items: one fewer may join
    fewer = _fewer(spans[unsure] * (rate / step), len(slacks) - 1)
    found[unsure] = fewer[np.arange(len(unsure)), room]
    return found


def _fewer(means: Array, most: int) -> Array:
    """Probabilities that fewer than 0, 1, ..., `most` come, (n, most + 1): of Poisson numbers with the means (n,)."""
    terms = np.empty((len(means), most + 1))
    terms[:, 0], terms[:, 1:2] = 0.0, np.exp(-means)[:, None]
    for k in range(1, most):
        terms[:, k + 1] = terms[:, k] * means / k
    found: Array = terms.cumsum(axis=1)
    return found


def _logarithm(y: Spectrum, weights: Array) -> Spectrum:
    """The sum of w_j y^j / j, j from 1: as a matrix of blocks, so that few powers are taken."""
    low = np.cumprod(np.broadcast_to(y, (_BLOCK, len(y))), axis=0)
    padded = np.pad(weights / np.arange(1, len(weights) + 1), (0, -len(weights) % _BLOCK))
    inner = padded.reshape(-1, _BLOCK) @ low
    total: Spectrum = inner[-1]
    for block in inner[-2::-1]:
        total = total * low[-1] + block
    return total


def _lattice(load: Load, slack: float) -> tuple[int, Array]:
    """How many steps a slack is cut into, up to STEPS, and the executions in steps: rounded up the least."""
    choices = np.arange(STEPS * 2 // 3, STEPS + 1)
    lengths = np.ceil(np.outer(choices / slack * (1 - 1e-12), load.latencies))
    best = int(np.argmin(lengths @ load.rates / choices))
    return int(choices[best]), lengths[best]

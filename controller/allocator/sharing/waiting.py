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
waits no longer until its execution begins, which then takes as long as a full batch at most: its slack counts that.
"""

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
    """The tenants of one segment, (n,) each: peak rates in requests per ms, execution times and slacks in ms.

    Execution times are of one item. A slack is what a request may wait: its SLO less a full batch.
    """

    rates: Array
    latencies: Array
    slacks: Array

    @property
    def utilisation(self) -> float:
        """The share of time that executions take."""
        return float(self.rates @ self.latencies)


def holds(load: Load, thetas: Array, miss: float) -> bool:
    """Whether every tenant's wait passes its slack with at most the probability `miss`.

    `thetas` (k,), per ms: where Chernoff's bound is tried. The bound by the ballot theorem, several times
    tighter and dearer, is asked only about the tenants that Chernoff's does not clear.
    """
    if load.utilisation >= 1 or load.slacks.min() <= 0:
        return False
    beyond = chernoff(load, thetas) - np.log(miss)
    if beyond.max() > HOPELESS:
        return False
    worst_first = np.argsort(-beyond, kind="stable")
    return all(ballot(load, int(tenant)) <= miss for tenant in worst_first if beyond[tenant] > 0)


def growth(rates: Array, latencies: Array, thetas: Array) -> Array:
    """The log moment rate of each tenant's work, l (e^(theta L) - 1), shape (n, k)."""
    return rates[:, None] * np.expm1(np.minimum(np.outer(latencies, thetas), _LARGEST_EXPONENT))


def chernoff(load: Load, thetas: Array) -> Array:
    """Natural logarithm of a bound on P(wait > slack), shape (n,); infinite where none of `thetas` gives one.

    P(V + A_i(x) > x) <= E e^(th V) e^(x (Lambda_i(th) - th)), with E e^(th V) = (1 - rho) th / (th - Lambda(th))
    (Pollaczek-Khinchine, where th > Lambda(th)); Lambda is the sum of `growth`, Lambda_i leaves i out.
    """
    own = growth(load.rates, load.latencies, thetas)
    total = own.sum(axis=0)
    open_ = thetas > total
    if not open_.any():
        return np.full(len(load.rates), np.inf)
    own, total, at = own[:, open_], total[open_], thetas[open_]
    start = np.log((1 - load.utilisation) * at / (at - total))
    bound: Array = (start + (total - own - at) * load.slacks[:, None]).min(axis=1)
    return bound


def ballot(load: Load, tenant: int) -> float:
    """A bound on P(wait > slack) of one tenant: the busy period's length, exact on a lattice that rounds work up.

    On a lattice of a slack's STEPS or fewer parts, V (Pollaczek-Khinchine: a geometric number of residual
    executions) and A_i are whole numbers and V + A_i(j) - j falls by at most 1 a step, so P(it reaches 0 first at j) is
    E[V; V + A_i(j) = j] / j (ballot theorem; Takács 1967, Otter, Dwass). Coefficients by the damped
    Fourier inversion of Abate and Whitt (LATTICE-POISSON, 1992), whose error, at most _ERROR, is added.
    """
    steps, lengths = _lattice(load, float(load.slacks[tenant]))
    rates = load.rates * load.slacks[tenant] / steps
    idle = 1 - float(rates @ lengths)
    if idle <= 0:
        return 1.0
    z, powers = _circle()
    jumps = powers[lengths.astype(np.intp)] if lengths.max() < len(powers) else z[None, :] ** lengths[:, None]
    residual = (rates[:, None] * (1 - jumps)).sum(axis=0) * z / (1 - z)
    damped = np.fft.irfft(idle / (1 - residual), _POINTS)[: steps + 1]  # P(V = v) radius^v
    weighted = np.fft.rfft(damped * np.arange(steps + 1), _POINTS)
    others = np.delete(rates, tenant) @ (np.delete(jumps, tenant, axis=0) - 1)
    weighted[1:-1] *= 2  # the other half of the spectrum is the conjugate
    emptied = (weighted @ _logarithm(np.exp(others) / z, steps)).real / _POINTS
    return float(1 - idle - emptied + _ERROR)


@cache
def _circle() -> tuple[Spectrum, Spectrum]:
    """Where transforms are evaluated, (k,), and the powers of it that executions mostly ask for, (STEPS + 1, k)."""
    z = _DAMPING ** (1 / _POINTS) * np.exp(-2j * np.pi * np.arange(_POINTS // 2 + 1) / _POINTS)
    return z, z[None, :] ** np.arange(STEPS + 1.0)[:, None]


def _logarithm(y: Spectrum, terms: int) -> Spectrum:
    """The sum of y^j / j for j from 1 to `terms`: as a matrix of blocks, so that few powers are taken."""
    low = np.cumprod(np.broadcast_to(y, (_BLOCK, len(y))), axis=0)
    blocks = -(-terms // _BLOCK)
    j = np.arange(1, blocks * _BLOCK + 1)
    inner = np.where(j <= terms, 1 / j, 0.0).reshape(blocks, _BLOCK) @ low
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

"""Whole GPUs for whole covers: integer programmes over layouts and swaps, near the best prices."""

from collections.abc import Sequence
from dataclasses import replace

from controller.allocator.optimal.demands import Demands
from controller.allocator.optimal.highs import Effort, Expired, minimize
from controller.allocator.optimal.pricing import UNIT, Priced
from controller.allocator.optimal.programme import Packing, Programme, cheapest_lots, used_by
from controller.allocator.optimal.proof import prove
from controller.allocator.optimal.steering import steered_groups
from controller.allocator.optimal.swaps import Group, Lots, groups, near_pairs, swapped, within

EXTRAS = (UNIT // 256, UNIT // 32, UNIT // 8)  # of the swaps to steer by; on to the next when one no longer helps
STEERINGS = 2  # at most, by each
FEW_LOTS, MOST_LOTS = 200, 20_000
MANY = 500  # lots, of which few GPUs are not worth seconds:
FEW, ONE = 3e-5, 1e-4  # such a share of the bound, or one GPU if it is no more than that
BUDGETS = ((150, 3), (800, 8))  # swaps to choose among, and of one service, until the bound is reached
MOST_TIDIED, TIDY_COLUMNS, TIDY_WAYS = 150, 100, 8
TIDY_GAP = 1e-3  # of the GPCs in use, that are not worth looking for
NODES = 100


def pack(demands: Demands, priced: Priced, expired: Expired) -> Packing | None:
    """As few GPUs as it finds, with a bound that may have risen; None only where the solver fails.

    The first packing, a programme over the layouts alone, is made in any case.
    """
    best = _solve(demands, cheapest_lots(demands.weight, priced), [], priced.bound, Effort(lambda: False, NODES))
    if best is None:
        return None
    best = _steer(demands, priced, best, expired)
    for columns, ways in BUDGETS:
        if _done(best) or expired():
            break
        best = _swap_some(demands, priced, best, (columns, ways), expired)
    if not _done(best) and not expired():
        best = prove(demands, priced, best, expired)
    return best if best.direct else _tidied(demands, priced, best, expired)


def _done(best: Packing, *, tried: bool = True) -> bool:
    """Whether a better packing is not worth the time: it is proven, or in a large fleet nearly so."""
    above, large = best.total - best.lower, len(best.lots.first) > MANY
    return above < 1 or (large and (above <= best.lower * FEW or (tried and above == 1 <= best.lower * ONE)))


def _steer(demands: Demands, priced: Priced, best: Packing, expired: Expired) -> Packing:
    """Rounds of swaps, one way a service, each from where the last one ended."""
    for number, extra in enumerate(_extras(len(best.lots.first))):
        for again in range(STEERINGS):
            if _done(best, tried=number + again > 1) or expired():
                return best
            pairs = near_pairs(demands, best.lots, priced.prices, extra)
            chosen = steered_groups(demands, best.lots, pairs, used_by(demands, best.lots), best.lower)
            effort = Effort(expired, NODES, target=best.lower + 0.5)
            found = _solve(demands, best.lots, chosen, best.lower, effort)
            if found is None or found.total >= best.total:
                break
            best = found
    return best


def _extras(lots: int) -> Sequence[int]:
    """Few lots have too few of the cheapest swaps; very many have enough of them."""
    return EXTRAS[1:] if lots <= FEW_LOTS else EXTRAS if lots <= MOST_LOTS else EXTRAS[:2]


def _swap_some(demands: Demands, priced: Priced, best: Packing, budget: tuple[int, int], expired: Expired) -> Packing:
    """The cheapest swaps, several ways of a service at once."""
    columns, ways = budget
    most_extra = min(max(best.total * UNIT - priced.value, UNIT // 8), UNIT // 4)
    pairs = near_pairs(demands, best.lots, priced.prices, most_extra)
    chosen = within(groups(best.lots, pairs, ways), columns)
    found = _solve(demands, best.lots, chosen, best.lower, Effort(expired, NODES, target=best.lower + 0.5))
    return found if found and found.total < best.total else best


def _tidied(demands: Demands, priced: Priced, best: Packing, expired: Expired) -> Packing:
    """The same number of GPUs with fewer GPCs in use, to a thousandth, where the choice is small enough to search."""
    if len(best.lots.first) > MOST_TIDIED:
        return best
    pairs = near_pairs(demands, best.lots, priced.prices, best.total * UNIT - priced.value)
    chosen = within(groups(best.lots, pairs, TIDY_WAYS), TIDY_COLUMNS)
    used = used_by(demands, best.lots)
    programme = Programme(demands.shapes, used, chosen, best.lower, most=best.total)
    effort = Effort(expired, NODES, gap=TIDY_GAP * float(used @ demands.shapes.gpcs))
    found = minimize(programme.gpcs_cost, programme.rows, effort, start=programme.unchanged(best.gpus))
    if found is None or programme.gpcs_cost @ found.x >= 0:
        return best
    gpus, numbers = programme.parts(found.x)
    return replace(best, gpus=gpus, lots=swapped(best.lots, chosen, numbers))


def _solve(demands: Demands, lots: Lots, chosen: Sequence[Group], bound: int, effort: Effort) -> Packing | None:
    """Swaps in the chosen groups, and the GPUs that hold what is then used."""
    programme = Programme(demands.shapes, used_by(demands, lots), chosen, bound)
    found = minimize(programme.cost, programme.rows, effort)
    if found is None:
        return None
    gpus, numbers = programme.parts(found.x)
    return Packing(gpus, swapped(lots, chosen, numbers), bound)

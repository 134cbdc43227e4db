"""When segments cover a rate: the one rule of planners, bounds, moves and checks.

Rates and throughputs are decimals that floats round: three segments of 0.7 items/s give 2.1 to whoever wrote both, and
in floats 2e-16 less. So what lacks no more than a billionth of a rate covers it; no measurement is that good. Nothing
else is rounded: planners compare exact sums with `due`, which is a float like any other.
"""

TOLERANCE = 1e-9  # of a rate


def due(rate: float) -> float:
    """Items/s that segments must give together for the rate to be covered."""
    return rate * (1 - TOLERANCE)


def covers(given: float, rate: float) -> bool:
    """Whether segments of so many items/s together do; sum them with `fsum`, or in fractions, to agree with a plan."""
    return given >= due(rate)

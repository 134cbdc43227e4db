"""How long a batch takes to fill: what a plan that counts on full batches costs its first request."""


def fill_ms(rate_per_process: float, batch: int) -> float:
    """From a batch's first request to its last, milliseconds, at `rate_per_process` items/s in even steps."""
    return (batch - 1) * 1000 / rate_per_process

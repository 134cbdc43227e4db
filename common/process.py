"""What every daemon's main does alike: run one coroutine until SIGTERM or SIGINT, then stop gracefully."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

from common.errors import SliceplaneError


def run(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Runs `main(stop)`; `stop` is set by the first SIGTERM or SIGINT. A known error is one line and exit code 2."""
    try:
        asyncio.run(_supervised(main))
    except SliceplaneError as error:
        print(f"error: {error.message}", file=sys.stderr)
        sys.exit(2)


async def _supervised(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await main(stop)

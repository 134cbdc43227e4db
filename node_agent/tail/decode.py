"""Decodes activations in threads, held to what the cut allows."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from common import codec
from node_agent.tail.model import Contract


class Decoder:
    """Turns payloads into float32 activations of the cut's shape."""

    def __init__(self, contract: Contract, threads: int) -> None:
        self._limits = contract.limits
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    async def __call__(self, payload: bytes) -> npt.NDArray[np.float32]:
        """The activation. Raises InvalidArgument or ResourceExhausted."""
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, codec.decode, payload, self._limits)
        except codec.CodecError as error:
            raise error.as_refusal() from error

    def close(self) -> None:
        """Takes no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

"""One bundle made ready on this device: head, whole model, encoder, and the stream to its tail."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from common.bundle import Bundle
from edge_agent.encode import Encoder, encoder_of
from edge_agent.head import Runner
from edge_agent.session import TailSession


@dataclass(slots=True)
class Serving:
    """What frames run on. Frames keep the one that they began with; `users` counts them."""

    digest: str
    head: Runner
    whole: Runner
    encoder: Encoder
    session: TailSession | None = None
    local_s: float | None = None
    split_s: float | None = None
    calibrating: bool = False
    users: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    _keeper: asyncio.Task[None] | None = None

    async def connect(self, target: str) -> None:
        """Keeps a stream to `target` from now on; none if it is empty. One to the same target stays."""
        if self.session and self.session.target == target:
            return
        await self.disconnect()
        self.split_s = None
        if target:
            self.session = TailSession(target, self.digest, self.encoder.cut_id)
            self._keeper = asyncio.create_task(self.session.run())

    async def disconnect(self) -> None:
        """Ends the stream; frames that wait for it hear StreamBroken."""
        keeper, self.session, self._keeper = self._keeper, None, None
        if keeper:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    def enter(self) -> None:
        """One frame begins."""
        self.users += 1
        self.idle.clear()

    def leave(self) -> None:
        """One frame is done."""
        self.users -= 1
        if not self.users:
            self.idle.set()

    async def retire(self) -> None:
        """Waits for the frames that began here, then ends the stream."""
        if self.users:
            await self.idle.wait()
        await self.disconnect()


def prepare(bundle: Bundle, level: str, threads: int) -> Serving:
    """Loads and warms both models of `bundle`; blocks. Raises Internal or InvalidArgument."""
    encoder = encoder_of(bundle, level)
    head, whole = Runner(bundle.head_bytes(), threads), Runner(bundle.model_bytes(), threads)
    head.warm_up()
    return Serving(bundle.digest, head, whole, encoder, local_s=whole.warm_up())

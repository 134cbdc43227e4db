"""One bundle made ready on this device: head, whole model, encoder, and the stream to its tail."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from common.bundle import Bundle
from common.errors import InvalidArgument, Violation
from edge_agent.choose import Trust
from edge_agent.encode import Encoder, encoders_of, ladder_of
from edge_agent.ground import Ground
from edge_agent.head import Runner
from edge_agent.model import Reason
from edge_agent.pace import Pace
from edge_agent.session import TailSession


@dataclass(slots=True)
class Serving:
    """What frames run on. Frames keep the one that they began with; `users` counts them.

    `digest`: the bundle's; `model`: that of the whole model in it; `without`: why, if there is no tail.
    """

    digest: str
    model: str
    head: Runner
    whole: Runner
    encoders: Mapping[str, Encoder]
    pace: Pace
    session: TailSession | None = None
    trust: Trust = field(default_factory=Trust)
    split_s: float | None = None
    without: Reason = Reason.NO_ASSIGNMENT
    users: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    _keeper: asyncio.Task[None] | None = None

    async def connect(self, target: str) -> None:
        """Keeps a stream to `target` from now on; none if it is empty. One to the same target stays."""
        if self.session and self.session.target == target:
            return
        await self.disconnect()
        self.split_s = None
        self.pace.forget()
        if target:
            cut_id = next(iter(self.encoders.values())).cut_id
            self.session = TailSession(target, self.digest, cut_id, self.pace.pinged)
            self._keeper = asyncio.create_task(self.session.run())

    @property
    def ground(self) -> Ground:
        """What it shares with other cuts of the same model."""
        return self.pace.ground

    @property
    def barred(self) -> bool:
        """Whether frames are kept from its tail: it is away, or silent."""
        return self.session is None or self.session.barred is not None or self.trust.broken

    @property
    def expected_s(self) -> float | None:
        """What a frame that comes now is expected to take by the split, seconds; None: not known yet."""
        return self._expected_s(self.session.waiting_bytes if self.session else 0)

    @property
    def alone_s(self) -> float | None:
        """The same if no frame were under way."""
        return self._expected_s(0)

    def _expected_s(self, waiting: int) -> float | None:
        expected = self.pace.split_s(waiting)
        return self.split_s if expected is None else expected

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


def prepare(bundle: Bundle, level: str, threads: int, min_level: str = "", beside: Serving | None = None) -> Serving:
    """Loads and warms the models of `bundle`; blocks. Raises Internal or InvalidArgument.

    `beside`: another cut of the same model, whose whole model and ground it shares.
    """
    model = bundle.manifest.parts["model"].digest
    if beside and beside.model != model:
        why = f"{bundle.digest} is not cut from the model that runs: give bundles of one model"
        raise InvalidArgument(Violation("bundle", why))
    encoders = encoders_of(bundle)
    pace = Pace(*ladder_of(bundle, encoders, level, min_level), beside.ground if beside else None)
    head = Runner(bundle.head_bytes(), threads)
    head.warm_up()
    if beside:
        return Serving(bundle.digest, model, head, beside.whole, encoders, pace)
    whole = Runner(bundle.model_bytes(), threads)
    pace.ground.local_s = whole.warm_up()
    return Serving(bundle.digest, model, head, whole, encoders, pace)

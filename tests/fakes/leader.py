"""A leader that is told whether it leads."""

from __future__ import annotations

import asyncio


class FakeLeader:
    """Implements Leader; `win` and `lose` say what the database would."""

    def __init__(self, epoch: int = 0) -> None:
        self._epoch = epoch
        self._won = asyncio.Event()
        if epoch:
            self._won.set()

    @property
    def epoch(self) -> int:
        """Our epoch while we lead; 0 while we do not."""
        return self._epoch

    async def hold(self) -> None:
        """Returns when leadership is won."""
        await self._won.wait()

    async def confirm(self) -> bool:
        """Whether we still lead."""
        return self._epoch != 0

    def win(self, epoch: int) -> None:
        """Leadership is ours."""
        self._epoch = epoch
        self._won.set()

    def lose(self) -> None:
        """Leadership is another's."""
        self._epoch = 0
        self._won.clear()

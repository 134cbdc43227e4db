"""Makes bundles ready: verified, loaded, warmed and tried, beside what runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from common.bundle import Bundle, BundleError
from common.digests import file_digest
from common.errors import Internal, SliceplaneError
from edge_agent.model import Reason
from edge_agent.rollout import Rollout
from edge_agent.serving import Serving, prepare

log = structlog.get_logger("agent")


def digest_of_file(path: Path) -> str:
    """Its digest; "" if it cannot be read."""
    try:
        return file_digest(path)
    except OSError:
        return ""


class Preparing:
    """Loads bundles with these levels and threads; `rollout` None: whatever loads may run."""

    def __init__(self, rollout: Rollout | None, level: str, min_level: str, threads: int) -> None:
        self._rollout, self._level, self._min_level, self._threads = rollout, level, min_level, threads

    async def bundle(self, path: Path, old: Serving | None, beside: Serving | None = None) -> Serving:
        """The bundle in a file; `old` runs until now; `beside`: another cut of the same model, which it joins.

        Raises Internal, InvalidArgument, FailedPrecondition where it is not to run.
        """
        fresh, bundle = await asyncio.to_thread(self._loaded, path, self._rollout, beside)
        if self._rollout:
            await self._rollout.try_out(old, fresh, bundle, self._threads)
        return fresh

    async def whole(self, path: Path) -> Serving | None:
        """All of a model whose cut alone was refused; None if that may not be, or cannot."""
        if not self._rollout or self._rollout.whole_only != await asyncio.to_thread(digest_of_file, path):
            return None
        try:
            fresh, _ = await asyncio.to_thread(self._loaded, path, None, None)
        except SliceplaneError as error:
            log.error("a bundle that was refused cannot run without a tail either", path=str(path), why=error.message)
            return None
        fresh.without = Reason.CUT_REFUSED
        log.error("head and tail of the bundle are refused: all of the model runs here", bundle=fresh.digest)
        return fresh

    def _loaded(self, path: Path, rollout: Rollout | None, beside: Serving | None) -> tuple[Serving, Bundle]:
        try:
            bundle = Bundle.open(path)
            if rollout:
                rollout.admit(bundle.digest)
            return prepare(bundle, self._level, self._threads, self._min_level, beside), bundle
        except BundleError as error:
            raise Internal(f"the bundle cannot be used: {error}") from error

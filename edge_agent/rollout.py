"""How one bundle follows another: tried first, on its own samples and recent frames; gone back from if it falls."""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Counter

from common.bundle import Bundle
from common.errors import FailedPrecondition
from edge_agent import slots
from edge_agent.canary import Run, Verdict, verdict
from edge_agent.head import Runner, fits
from edge_agent.model import Refusal, Tensors
from edge_agent.serving import Serving

KEPT = 4
WELL_AFTER_S = 10.0
log = structlog.get_logger("rollout")


class Rollout:
    """Remembers in the file at `path` what runs, ran and is refused.

    `agreement`: the share of classes, 0 to 1, that a new model must name as the old one does; 0: any may follow.
    """

    def __init__(self, path: Path, registry: CollectorRegistry, agreement: float = 0.0) -> None:
        self._path, self._agreement = path, agreement
        self._seen: deque[Tensors] = deque(maxlen=KEPT)
        self._refusals = Counter(
            "sliceplane_edge_bundle_refusals", "Bundles refused or gone back from.", ["why"], registry=registry
        )
        before = slots.load(path)
        self._slots = before.started()
        self.gone_back: Refusal | None = None
        for digest in self._slots.refused:
            if digest not in before.refused:
                self._refusals.labels("starts").inc()
                self.gone_back = Refusal(digest, self._slots.why)
                log.error("the agent did not come up with a bundle; it goes on without", bundle=digest)
        self._save()

    @property
    def last(self) -> tuple[str, ...]:
        """Digests of the bundles that ran, the last one first."""
        return tuple(filter(None, (self._slots.current, self._slots.previous)))

    @property
    def whole_only(self) -> str:
        """Digest of a bundle that was refused for its cut alone: all of its model may run here. "" for none."""
        return self._slots.whole_only

    def saw(self, inputs: Tensors) -> None:
        """Keeps the inputs of a frame that was answered, to try the next bundle on."""
        self._seen.append(inputs)

    def admit(self, digest: str) -> None:
        """Raises FailedPrecondition if `digest` was refused before."""
        if digest in self._slots.refused:
            why = f": {self._slots.why}" if digest == self._slots.refused[-1] and self._slots.why else ""
            raise FailedPrecondition(
                digest,
                f"{digest} was rolled back or refused on this device{why}; assign another one, or remove {self._path}",
            )

    async def try_out(self, old: Serving | None, fresh: Serving, bundle: Bundle, threads: int) -> None:
        """Returns if `fresh` may run. Raises FailedPrecondition, and remembers it, if not."""
        found = await asyncio.to_thread(self._tried, old, fresh, bundle, threads)
        if found.why:
            self._keep(self._slots.refuse(fresh.digest, found.why, whole=found.whole))
            self._refusals.labels("canary").inc()
            raise FailedPrecondition(fresh.digest, f"{fresh.digest} is refused: {found.why}")

    def promoted(self, digest: str) -> None:
        """`digest` runs."""
        self._keep(self._slots.promoted(digest))

    def joins(self, digest: str) -> None:
        """`digest` is about to be held beside the one that runs: if that ends the process, it is known why."""
        if digest:
            self._keep(self._slots.joined(digest))

    def stood(self) -> None:
        """The agent ends, in order, after it answered frames: short runs are no bad starts."""
        self._keep(self._slots.well())

    async def watch(self) -> None:
        """Notes that the bundle stood for a while; never ends."""
        while True:
            await asyncio.sleep(WELL_AFTER_S)
            if self._slots.starts or self._slots.beside:
                self._keep(self._slots.well())

    def _tried(self, old: Serving | None, fresh: Serving, bundle: Bundle, threads: int) -> Verdict:
        known, seen = bundle.canary(), [sample for sample in tuple(self._seen) if _takes(fresh, sample)]
        samples = seen or [one.inputs for one in known]
        if not samples:
            return Verdict()
        tail = Runner(bundle.tail_bytes(), threads)
        previous = _run(old.whole) if old and _takes(old, samples[0]) else None
        exact = not bundle.manifest.transfer_layer
        return verdict(
            known,
            seen,
            _run(fresh.whole),
            lambda inputs: tail(fresh.head(inputs)[0])[0],
            previous,
            self._agreement,
            exact=exact,
        )

    def _keep(self, changed: slots.Slots) -> None:
        if changed != self._slots:
            self._slots = changed
            self._save()

    def _save(self) -> None:
        try:
            slots.save(self._path, self._slots)
        except OSError as error:  # a full disk keeps no bundle from running
            log.warning("which bundle runs is not noted", path=str(self._path), why=error.strerror)


def _run(model: Runner) -> Run:
    return lambda inputs: model(inputs)[0]


def _takes(serving: Serving, inputs: Tensors) -> bool:
    specs = {spec.name: spec for spec in serving.whole.inputs}
    return specs.keys() == inputs.keys() and all(
        value.dtype.name == specs[name].dtype and fits(specs[name].shape, value.shape) for name, value in inputs.items()
    )

"""What the edge agent speaks of: frames, where they are answered and why, what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
Tensors = Mapping[str, Array]


class Mode(StrEnum):
    """Where frames may be answered: as it serves the deadline best, by the split only, on the device only."""

    AUTO = "auto"
    SPLIT = "split"
    LOCAL = "local"


class Goal(StrEnum):
    """What mode auto strives for, deadlines kept: the earliest answer, or little work for the device."""

    LATENCY = "latency"
    OFFLOAD = "offload"


class Policy(StrEnum):
    """Which frames that wait are answered: all in their order, or of each source the newest, which goes first."""

    ALL = "all"
    NEWEST = "newest"


class Where(StrEnum):
    """Where a frame was answered."""

    SPLIT = "split"
    LOCAL = "local"
    FAILED = "failed"
    DROPPED = "dropped"  # it gave way in the queue; `error` says why
    SKIPPED = "skipped"  # a newer frame of its source was there before its turn


class Reason(StrEnum):
    """Why a frame was not answered by the split."""

    TAIL_UNREACHABLE = "TAIL_UNREACHABLE"  # no stream to a tail, or one that does not answer
    DEADLINE = "DEADLINE"  # the tail's answer would not be, or was not, there in time
    NO_ASSIGNMENT = "NO_ASSIGNMENT"  # the controller assigned no tail
    DIGEST_MISMATCH = "DIGEST_MISMATCH"  # the tail serves another bundle
    STREAM_BROKEN = "STREAM_BROKEN"  # the stream broke under it, and again when it was sent once more
    SPLIT_FAILED = "SPLIT_FAILED"  # the codec or the tail's Triton refused this very frame
    CUT_REFUSED = "CUT_REFUSED"  # head and tail of the bundle do not give what they should: its whole model runs
    LOCAL_FASTER = "LOCAL_FASTER"  # the device answers sooner than the tail would
    LOCAL_MODE = "LOCAL_MODE"  # the agent was told to answer everything locally


@dataclass(frozen=True, slots=True)
class Frame:
    """One input. `arrived` and `deadline_at` are seconds on the monotonic clock."""

    id: str
    inputs: Tensors
    arrived: float
    deadline_at: float


@dataclass(slots=True)
class Timing:
    """What a frame cost: milliseconds per stage, 0 where a stage did not run, and bytes of the encoded activation.

    `tail_ms` counts from sending to the answer; of that, `server_ms` and `decode_ms` were spent at the tail.
    """

    head_ms: float = 0.0
    encode_ms: float = 0.0
    tail_ms: float = 0.0
    server_ms: float = 0.0
    decode_ms: float = 0.0
    local_ms: float = 0.0
    total_ms: float = 0.0
    activation_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one frame. `late`: after its deadline. `error` says why it failed, one sentence."""

    frame_id: str
    where: Where
    outputs: Tensors
    reason: Reason | None = None
    level: str = ""
    error: str = ""
    late: bool = False
    bundle: str = ""
    timing: Timing = field(default_factory=Timing)


def skipped(frame_id: str) -> Answer:
    """The answer to a frame that a newer one of its source has overtaken."""
    return Answer(frame_id, Where.SKIPPED, {}, error="skipped: a newer frame of its source was there")


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output of a model: numpy's name of its type, elements per axis, None: open."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A bundle that is not to run on this device, and why, one sentence. `digest` is "" where it cannot be told."""

    digest: str
    why: str


@dataclass(frozen=True, slots=True)
class CutAt:
    """A bundle, and where its tail is."""

    bundle_digest: str
    target: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the controller, or a flag, says to run. An empty `target`: no tail, answer locally.

    `others`: further cuts of the same model, to be held beside it.
    """

    bundle_digest: str
    target: str
    message: str = ""
    others: tuple[CutAt, ...] = ()

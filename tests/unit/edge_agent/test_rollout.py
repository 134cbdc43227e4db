"""A/B of bundles: slots over restarts, and what the canary objects to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from prometheus_client import CollectorRegistry

from common.errors import FailedPrecondition
from edge_agent import slots
from edge_agent.canary import Run, objection
from edge_agent.model import Tensors
from edge_agent.rollout import Rollout

A, B, C = (f"sha256:{digit * 64}" for digit in "abc")
SAMPLES: list[Tensors] = [{"x": np.eye(4, dtype=np.float32)[n : n + 1]} for n in range(4)]


def floats(inputs: Tensors) -> npt.NDArray[np.float32]:
    return np.asarray(inputs["x"], np.float32)


def same(inputs: Tensors) -> Tensors:
    return {"scores": floats(inputs) * 2}


def reversed_(inputs: Tensors) -> Tensors:
    return {"scores": inputs["x"][:, ::-1]}


def nearly(inputs: Tensors) -> Tensors:
    return {"scores": floats(inputs) * 2 + 1e-4}


def wrong_tail(inputs: Tensors) -> Tensors:
    return {"scores": floats(inputs) * 3}


def infinite(inputs: Tensors) -> Tensors:
    return {"scores": floats(inputs) * np.inf}


@pytest.mark.parametrize(
    ("whole", "cut", "old", "why"),
    [
        (same, same, same, ""),
        (same, nearly, None, ""),
        (same, wrong_tail, same, "head and tail give another"),
        (infinite, infinite, same, "is not finite"),
        (reversed_, reversed_, same, "names the classes of the bundle that runs for 0% only, on 4 frames"),
        (reversed_, reversed_, None, ""),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_canary(whole: Run, cut: Run, old: Run | None, why: str) -> None:
    """Head and tail must give what the whole model gives, and most classes must be those of the old model."""
    assert why in (found := objection(SAMPLES, whole, cut, old, 0.5))
    assert bool(found) == bool(why)
    if "names the classes" in why:
        assert objection(SAMPLES, whole, cut, old, 0.0) == "", "any model may follow unless an agreement is asked for"


def test_three_bad_starts_roll_back(tmp_path: Path) -> None:
    """A bundle that never stands for a while gives its place back, and is not taken again."""
    path = tmp_path / "slots.json"
    slots.save(path, slots.Slots().promoted(A).well().promoted(B))
    for _ in range(slots.MAX_STARTS - 1):
        assert Rollout(path, CollectorRegistry()).last == (B, A)
    registry = CollectorRegistry()
    rollout = Rollout(path, registry)
    assert rollout.last == (A,)
    assert registry.get_sample_value("sliceplane_edge_bundle_refusals_total", {"why": "starts"}) == 1
    with pytest.raises(FailedPrecondition, match="rolled back or refused"):
        rollout.admit(B)
    rollout.admit(A)


def test_a_bundle_that_stands_is_not_rolled_back() -> None:
    """Starts count only until it ran well for a while, and without a previous one it is kept."""
    kept = slots.Slots().promoted(A).promoted(B)
    for _ in range(9):
        kept = kept.started().well()
    assert kept.current == B
    alone = slots.Slots().promoted(A)
    for _ in range(9):
        alone = alone.started()
    assert alone.current == A


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"current": 1, "previous": "", "starts": "x", "refused": []}'])
def test_unreadable_slots(tmp_path: Path, text: str) -> None:
    """What cannot be read is no reason not to start."""
    path = tmp_path / "slots.json"
    path.write_text(text)
    assert slots.load(path) == slots.Slots()


def test_slots_keep_why_and_what_may_run_whole(tmp_path: Path) -> None:
    """Over a restart: the reason of the last refusal; the bundle whose cut alone is at fault, until another runs."""
    path = tmp_path / "slots.json"
    slots.save(path, slots.Slots().refuse(A, "head and tail differ", whole=True))
    rollout = Rollout(path, CollectorRegistry())
    assert rollout.whole_only == A
    with pytest.raises(FailedPrecondition, match="on this device: head and tail differ; assign another"):
        rollout.admit(A)
    rollout.promoted(B)
    assert (slots.load(path).whole_only, slots.load(path).why) == ("", "head and tail differ")


def test_a_rollback_says_why(tmp_path: Path) -> None:
    """The bundle that was gone back from, and that it did not stand."""
    path = tmp_path / "slots.json"
    slots.save(path, slots.Slots(B, A, slots.MAX_STARTS))
    gone = Rollout(path, CollectorRegistry()).gone_back
    assert gone
    assert (gone.digest, gone.why) == (B, "it did not stand in 3 starts")
    assert Rollout(path, CollectorRegistry()).gone_back is None


def test_cuts_beside_are_doubted_first(tmp_path: Path) -> None:
    """An agent that does not stand since another cut joined goes on without that one, on the bundle that it has."""
    path = tmp_path / "slots.json"
    slots.save(path, slots.Slots().promoted(A).well().promoted(B).well())
    for _ in range(slots.MAX_STARTS):
        Rollout(path, CollectorRegistry()).joins(C)
    rollout = Rollout(path, CollectorRegistry())
    assert rollout.last == (B, A)
    assert rollout.gone_back
    assert rollout.gone_back.digest == C
    with pytest.raises(FailedPrecondition):
        rollout.admit(C)
    assert slots.Slots(B, A, 2, beside=(C,)).well() == slots.Slots(B, A)

"""Sample inputs: read by name, one at a time, refused where they do not fit."""

from pathlib import Path

import numpy as np
import pytest

from slicer import samples
from slicer.model import SlicerError
from tests.unit.slicer import graphs
from tests.unit.slicer.graphs import model, node

ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_axis_0_counts_samples(tmp_path: Path) -> None:
    """Each sample is one slice of every input."""
    path = tmp_path / "s.npz"
    np.savez(path, x=ROWS, z=ROWS + 1)
    found = samples.read(path, graphs.two_inputs(late=True))
    assert len(found) == 3
    assert np.array_equal(found[1]["z"], ROWS[1:2] + 1)


def test_a_fixed_batch_takes_as_many_at_a_time(tmp_path: Path) -> None:
    """A model of batch 2 gets two at a time; what is left over is not used."""
    path = tmp_path / "s.npy"
    np.save(path, np.zeros((5, 4), np.float32))
    fixed = model([node("Relu", "x", "a"), node("Relu", "a", "y")], {"x": [2, 4]}, {"y": [2, 4]})
    assert [one["x"].shape for one in samples.read(path, fixed)] == [(2, 4), (2, 4)]


def test_the_only_input_needs_no_name(tmp_path: Path) -> None:
    """One array for one input is taken whatever its name; float64 is taken as float32."""
    path = tmp_path / "s.npz"
    np.savez(path, whatever=ROWS.astype(np.float64))
    (first, *_) = samples.read(path, graphs.residual())
    assert first["x"].dtype == np.float32


REFUSED = {
    "another width": {"x": np.zeros((3, 5), np.float32)},
    "another rank": {"x": np.zeros((3, 4, 1), np.float32)},
    "integers": {"x": np.zeros((3, 4), np.int64)},
    "none": {"x": np.zeros((0, 4), np.float32)},
    "a scalar": {"x": np.float32(1)},
}


@pytest.mark.parametrize("name", REFUSED)
def test_samples_that_do_not_fit_are_refused(tmp_path: Path, name: str) -> None:
    """Arrays of other sizes or types, or empty ones, are refused in words."""
    path = tmp_path / "s.npz"
    np.savez(path, **REFUSED[name])  # type: ignore[arg-type]
    with pytest.raises(SlicerError, match="x"):
        samples.read(path, graphs.residual())


def test_inputs_without_samples_are_named(tmp_path: Path) -> None:
    """A missing input is named, as are unequal numbers of samples."""
    path = tmp_path / "s.npz"
    np.savez(path, x=ROWS, other=ROWS)
    with pytest.raises(SlicerError, match="input z"):
        samples.read(path, graphs.two_inputs(late=True))
    np.savez(path, x=ROWS, z=ROWS[:2])
    with pytest.raises(SlicerError, match="same number"):
        samples.read(path, graphs.two_inputs(late=True))


def test_files_of_something_else_are_refused(tmp_path: Path) -> None:
    """Text, pickled objects and missing files are refused."""
    path = tmp_path / "s.npz"
    path.write_text("no arrays")
    with pytest.raises(SlicerError):
        samples.read(path, graphs.residual())
    np.save(tmp_path / "s.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(SlicerError):
        samples.read(tmp_path / "s.npy", graphs.residual())
    with pytest.raises(SlicerError):
        samples.read(tmp_path / "absent.npz", graphs.residual())


def test_fewer_samples_are_spread_over_all() -> None:
    """At most so many samples are used, from the whole of them."""
    found = [{"x": np.full((1,), i)} for i in range(10)]
    assert [int(one["x"][0]) for one in samples.cycle(found, 3)] == [0, 3, 6]
    assert len(list(samples.cycle(found, 99))) == 10

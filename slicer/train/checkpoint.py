"""Checkpoints of a training run: written whole after each epoch, read to go on where it stopped."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from slicer.model import SlicerError

State = dict[str, Any]


def save(path: Path | None, key: str, state: State) -> None:
    """Puts the state there in one move; `key` tells what run it belongs to."""
    if path is not None:
        fresh = path.with_name(path.name + ".new")
        torch.save({"key": key, **state}, fresh)
        fresh.replace(path)


def restore(path: Path | None, key: str) -> State | None:
    """The state of the run `key`, None where there is no file. Raises SlicerError for another run's file."""
    if path is None or not path.exists():
        return None
    try:
        state: State = torch.load(path, weights_only=True)
        found = state["key"]
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise SlicerError(f"{path}: no readable checkpoint: delete it or name another file") from error
    if found != key:
        raise SlicerError(f"{path}: a checkpoint of other settings, model or data: delete it or name another file")
    return state

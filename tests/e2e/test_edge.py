"""The edge on the whole plane: a cut model behind xDS, with the tail and the edge agent killed in turn."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from bench.plane import BIN
from sliceplane import Profile, Workload, WorkloadSpec
from tests.e2e.conftest import FEATURES, POINTS, Stage

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
TAIL = "double-tail"


def _tail_ready(stage: Stage) -> None:
    folder = stage.plane.folder
    bundle = folder / "double.bundle"
    if not bundle.exists():
        model = str(folder / "double.onnx")
        cut = [str(BIN / "sliceplane-slicer"), "cut", model, "--at=m", "--level=raw", f"--output={bundle}"]
        subprocess.run(cut, check=True, capture_output=True)
        stage.client.push_model("double-split", bundle)
        stage.client.import_profile(Profile("double-split", POINTS))
        stage.client.apply(Workload(TAIL, WorkloadSpec("double-split", rate=20, slo_ms=400, serve="tail")))
    stage.until(lambda: stage.settled(TAIL), 60)


def _edge(stage: Stage, name: str, *extra: str) -> tuple[Path, Path]:
    """Starts an edge agent; its input folder and its results."""
    home = stage.plane.folder / name
    frames, results = home / "frames", home / "results.jsonl"
    frames.mkdir(parents=True, exist_ok=True)
    ports = stage.plane.ports
    reach = [f"--controller=127.0.0.1:{ports['api']}", f"--xds-server=127.0.0.1:{ports['xds']}"]
    who = [f"--device={name}", f"--workload={TAIL}", f"--state-dir={home / 'state'}", "--listen="]
    paths = [f"--input-dir={frames}", f"--results={results}"]
    stage.plane.spawn(name, [str(BIN / "sliceplane-edge-agent"), *reach, "--goal=offload", *who, *paths, *extra])
    return frames, results


def _put(frames: Path, number: int) -> bool:
    """Puts one more frame there; False, so that a poll may put another while it waits."""
    part = frames / f".{number}.part"
    with part.open("wb") as file:
        np.save(file, np.full((1, FEATURES), number, np.float32))
    part.rename(frames / f"{number:04d}.npy")
    return False


def _answers(results: Path) -> list[dict[str, Any]]:
    lines = results.read_text().splitlines() if results.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def _right(answer: dict[str, Any]) -> bool:
    number = int(Path(answer["frame"]).stem)
    return bool(answer["outputs"][0]["data"] == [2.0 * number + 1.0] * FEATURES)


def test_tail_killed(stage: Stage) -> None:
    """kill -9 of the tail: each frame has exactly one right answer, locally meanwhile, by a new tail afterwards."""
    _tail_ready(stage)
    frames, results = _edge(stage, "gateway-a")
    _put(frames, 0)
    stage.until(lambda: any(a["answered_by"] == "split" for a in _answers(results)) or _put(frames, _next(frames)))
    tails = [p for p in stage.plane.left() if "sliceplane-tail" in " ".join(p.cmdline())]
    assert tails
    for tail in tails:
        tail.kill()
    psutil.wait_procs(tails, timeout=5)
    seen = len(_answers(results))
    _put(frames, _next(frames))
    stage.until(lambda: len(_answers(results)) > seen)
    stage.until(lambda: _answers(results)[-1]["answered_by"] == "split" or _put(frames, _next(frames)))
    sent = _next(frames)
    stage.until(lambda: len(_answers(results)) == sent)
    assert len({a["frame"] for a in _answers(results)}) == sent
    assert all(map(_right, _answers(results)))
    stage.plane.stop("gateway-a")


def _next(frames: Path) -> int:
    return len(list(frames.glob("*.npy")))


def test_edge_agent_killed(stage: Stage) -> None:
    """kill -9 of the edge agent amid its frames: started again it answers those that have no answer, and no other."""
    _tail_ready(stage)
    frames, results = _edge(stage, "gateway-b")
    for number in range(40):
        _put(frames, number)
    stage.until(lambda: len(_answers(results)) >= 5)
    stage.plane.kill("gateway-b")
    for number in range(40, 60):
        _put(frames, number)
    _edge(stage, "gateway-b", "--resume")
    stage.until(lambda: len(_answers(results)) >= 60)
    stage.plane.stop("gateway-b")
    answers = _answers(results)
    assert sorted(a["frame"] for a in answers) == sorted({a["frame"] for a in answers})
    assert len(answers) == 60
    assert all(map(_right, answers))

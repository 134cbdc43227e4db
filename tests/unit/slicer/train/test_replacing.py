"""A layer that is trained to replace the layers between two cuts, on small models with odd sizes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from onnx import checker, save

pytest.importorskip("torch", reason="training needs torch: pip install 'sliceplane[train]'")

import torch
from torch import nn

from common.bundle import Bundle
from slicer import main as cli
from slicer import span
from slicer.bundle import activations, make
from slicer.load import parse
from slicer.model import SlicerError
from slicer.run import Session
from slicer.train.bottleneck import Bottleneck
from slicer.train.module import exported
from slicer.train.settings import Settings
from slicer.train.stages import Run
from slicer.train.train import train
from tests.unit.slicer import graphs

IMAGES = np.random.default_rng(0).normal(size=(40, 1, 3, 13, 10)).astype(np.float32)
SAMPLES = [{"x": one} for one in IMAGES]
SHORT = Settings(channels=2, epochs=2, batch=8)


def _train(to: str, wanted: Settings = SHORT, **more: object) -> bytes:
    return train(graphs.halving(), "relu1", SAMPLES, wanted, name="m", level="rans-4", to=to, **more)  # type: ignore[arg-type]


def _losses(lines: list[str], stage: int) -> list[float]:
    return [float(line.split("loss ")[1].split(",")[0]) for line in lines if line.startswith(f"stage {stage}")]


@pytest.mark.parametrize(
    ("to", "halvings", "sent", "raised"),
    [("same", 1, (7, 5), False), ("relu2", 1, (7, 5), False), ("relu2", 2, (4, 3), False), ("relu3", 1, (4, 3), True)],
)
def test_the_layers_between_are_learned(to: str, halvings: int, sent: tuple[int, int], raised: bool) -> None:
    """Parts are valid, what travels is small, both stages learn, halvings are raised where need be and that is said."""
    lines: list[str] = []
    wanted = Settings(channels=2, epochs=10, batch=8, halvings=halvings, weight=0.0)
    bundle = Bundle.open(_train(to, wanted, say=lines.append))
    manifest = bundle.manifest
    assert (manifest.cut.shape[1:], manifest.transfer_layer) == ((2, *sent), "bottleneck")
    assert manifest.cut_id == span.find(graphs.halving(), "relu1", to, SAMPLES[0]).id
    for part in (bundle.head_bytes(), bundle.tail_bytes()):
        checker.check_model(parse(part, "part"), full_check=True)
    head = parse(bundle.head_bytes(), "head")
    assert "w2" not in {held.name for held in head.graph.initializer}
    answer = Session(bundle.tail_bytes())({manifest.tail_input: activations(head, SAMPLES[:1])[0]})["y"]
    assert answer.shape == (1, 5)
    assert [rate.metric for rate in manifest.rates] == ["agreement"] * 6
    for stage in (1, 2):
        losses = _losses(lines, stage)
        assert losses[-1] < losses[0]
    assert any("halvings: 2 in place of 1" in line for line in lines) == raised


@pytest.mark.parametrize(("to", "halvings", "skipped"), [("same", 2, 0), ("relu2", 2, 1), ("relu3", 2, 2)])
def test_the_halves_are_torchs_layer_between_the_models(to: str, halvings: int, skipped: int) -> None:
    """Head and tail as ONNX give what the model does up to the cut, the layer in torch, and the model from there."""
    torch.manual_seed(0)
    whole = graphs.halving()
    found = span.find(whole, "relu1", to, SAMPLES[0])
    channels = (found.later.tensor.shape or ())[1]
    assert isinstance(channels, int)
    made = Bottleneck(4, 3, (13, 10), halvings, True, (channels, skipped))
    bundle = Bundle.open(make(whole, "relu1", to=to, name="m", level="rans-4", layer=made.layer()))
    sent = activations(parse(bundle.head_bytes(), "head"), SAMPLES[:3])
    halves = found.halves(whole)
    for one, feature in zip(sent, activations(halves.head, SAMPLES[:3]), strict=True):
        with torch.no_grad():
            expected = made.encode(torch.from_numpy(feature))
            back = made.decode(expected).numpy()
        assert np.allclose(one, expected.numpy(), atol=1e-4)
        answer = Session(bundle.tail_bytes())({bundle.manifest.tail_input: one})["y"]
        assert np.allclose(answer, Session(halves.tail)({to: back})["y"], atol=1e-4)


def test_stage_1_learns_the_later_features() -> None:
    """What comes out is near the targets, mixtures of other channels on a smaller map, and not the features."""
    torch.manual_seed(0)
    drawn = np.random.default_rng(0)
    flat = drawn.normal(size=(128, 2, 1, 1))
    features, targets = (
        np.broadcast_to(np.einsum("nkhw,ck->nchw", flat, drawn.normal(size=(channels, 2))), (128, channels, *sides))
        for channels, sides in ((4, (7, 6)), (3, (4, 3)))
    )
    lines: list[str] = []
    made = Bottleneck(4, 4, (7, 6), 2, False, (3, 1))
    wanted = Settings(epochs=40, batch=16, weight=0.0)
    run = Run(features.astype(np.float16), [], wanted, say=lines.append, targets=targets.astype(np.float16))
    run.match(made)
    assert _losses(lines, 1)[-1] < 0.25  # of the targets' variance, with what 2 bits leave of it


def test_a_resumed_run_is_the_same_run(tmp_path: Path) -> None:
    """Stopped and taken up again it gives the same bytes; another later cut, or none, is another run."""
    path = tmp_path / "c.pt"

    def stopping(line: str) -> None:
        if line.startswith("stage 1 epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _train("relu2", checkpoint=path, say=stopping)
    assert _train("relu2", checkpoint=path) == _train("relu2")
    for to in ("conv2", None):
        with pytest.raises(SlicerError, match="other settings"):
            train(graphs.halving(), "relu1", SAMPLES, SHORT, name="m", level="rans-4", to=to, checkpoint=path)


def test_a_tail_from_elsewhere_is_left_as_it_is() -> None:
    """Where torch has not one of the tail's operators the later features are learned all the same, and that is said."""
    whole = graphs.halving()
    whole.graph.node[-2].op_type = "Elu"  # of what was a vector of N×8×1×1
    whole.graph.node.insert(len(whole.graph.node) - 1, graphs.node("Flatten", "flat", "vector"))
    whole.graph.node[-1].input[0] = "vector"
    lines: list[str] = []
    content = train(whole, "relu1", SAMPLES, SHORT, name="m", level="rans-4", to="relu2", say=lines.append)
    assert any("stage 2 left out: the tail has Elu" in line for line in lines)
    assert Bundle.open(content).cut_id == "1:relu1>4:relu2"


def test_what_cannot_be_replaced_is_refused() -> None:
    """Before anything is trained: sides that are not halved, a family that sends all, cuts in the wrong order."""
    with pytest.raises(SlicerError, match='"relu1" is Nx4x13x10, tensor "flat" is Nx8'):
        _train("flat")
    with pytest.raises(SlicerError, match='family "strided" replaces no layers up to "relu2": say family "bottleneck"'):
        _train("relu2", replace(SHORT, family="strided"))
    with pytest.raises(SlicerError, match="does not come after"):
        _train("conv1")
    with pytest.raises(SlicerError, match='not at "input"'):
        train(graphs.halving(), "input", SAMPLES, SHORT, name="m", level="rans-4", to="relu2")


def test_a_torch_module_is_trained_so_too() -> None:
    """Once exported it is an ONNX model as any."""
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(3, 4, 3, 1, 1), nn.ReLU(), nn.Conv2d(4, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    )  # fmt: skip
    whole = exported(made, torch.zeros(1, 3, 13, 10))
    bundle = Bundle.open(train(whole, "0", SAMPLES, SHORT, name="m", level="rans-4", to="3"))
    assert bundle.manifest.cut.shape[1:] == (2, 7, 5)


def test_the_command_trains_and_check_holds_the_bundle_to_its_table(tmp_path: Path) -> None:
    """What was measured on held-out samples is what check finds again; a wrong later cut is one line, exit code 2."""
    save(graphs.halving(), tmp_path / "m.onnx")
    np.savez(tmp_path / "d.npz", x=IMAGES[:, 0])
    said = [
        "train", str(tmp_path / "m.onnx"), "--at", "relu1", "--data", str(tmp_path / "d.npz"), "--epochs", "2",
        "--channels", "2", "-o", str(tmp_path / "m.bundle"), "--to",
    ]  # fmt: skip
    done = CliRunner().invoke(cli.main, [*said, "relu3"])
    assert done.exit_code == 0, done.output
    assert "1:relu1>6:relu3" in done.output
    for agreement, code in ((), 0), (("--agreement", "1"), 1):
        checked = CliRunner().invoke(
            cli.main, ["check", str(tmp_path / "m.bundle"), "--samples", str(tmp_path / "d.npz"), *agreement]
        )
        assert checked.exit_code == code, checked.output
    refused = CliRunner().invoke(cli.main, [*said, "conv1"])
    assert (refused.exit_code, refused.output.count("\n")) == (2, 1)

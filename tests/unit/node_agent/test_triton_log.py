"""What is made of Triton's log when it does not serve."""

from __future__ import annotations

from pathlib import Path

from node_agent.triton_log import LONGEST, last_error

# As Triton 2.51 writes it, shortened.
TABLE = """I1128 01:29:34.855862 20451 model_lifecycle.cc:777] "failed to load 'beta'"
+-------+---------+-----------------------------------------------------------------------------+
| Model | Version | Status                                                                      |
+-------+---------+-----------------------------------------------------------------------------+
| alpha | 1       | READY                                                                       |
| beta  | 1       | UNAVAILABLE: Internal: onnxruntime cannot load model.onnx: Protobuf parsing |
|       |         |  failed.                                                                    |
| gamma | 1       | UNAVAILABLE: Not found: no model.onnx                                       |
+-------+---------+-----------------------------------------------------------------------------+

Error: Failed to initialize NVML
I1128 01:29:36.860233 20451 server.cc:345] "Timeout 28: Found 0 live models"
"""
SUMMARY = "error: creating server: Internal - failed to load all models\n"


def _said(folder: Path, text: str) -> str:
    (folder / "log").write_text(text)
    return last_error(folder / "log")


def test_models_that_were_not_loaded_are_named(tmp_path: Path) -> None:
    """However often Triton was started anew, each is named once with its reason."""
    want = 'model "beta": Internal: onnxruntime cannot load model.onnx: Protobuf parsing; model "gamma": Not found: no '
    assert _said(tmp_path, 2 * (TABLE + SUMMARY)) == f"{want}model.onnx"


def test_other_errors_are_told_as_they_are(tmp_path: Path) -> None:
    """The last line that tells of an error, also after models were not loaded, on one line and not too long."""
    assert _said(tmp_path, SUMMARY) == SUMMARY.strip()
    assert _said(tmp_path, f"{TABLE}{SUMMARY}error:  no   CUDA device\nbye\n") == "error: no CUDA device"
    assert len(_said(tmp_path, "error " + "x" * 1000)) == LONGEST


def test_nothing_is_told_of_a_log_without_errors(tmp_path: Path) -> None:
    """Nor of one that is not there."""
    assert _said(tmp_path, "all is well\n") == ""
    assert last_error(tmp_path / "none") == ""

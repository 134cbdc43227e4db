"""A program: prints as JSON what an uploaded file is and what Triton will serve of it.

It runs as a process of its own: a hostile or huge file can then cost neither the controller's memory nor its loop.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import onnx_meta
from common.bundle import Bundle, BundleError, looks_like_bundle
from common.bundle_manifest import PARTS

MEMORY_LIMIT = 12 << 30  # address space, bytes: a 2 GiB file and its parsed copy fit


def facts(path: Path) -> dict[str, Any]:
    """Format, inputs, outputs and batchability; of a bundle those of its tail. NotServable, BundleError."""
    if not looks_like_bundle(path):
        return {"format": "onnx", **onnx_meta.facts(str(path))}
    bundle = Bundle.open(path)
    read = {part: _part(bundle, part) for part in PARTS}
    return {"format": "bundle", **read["tail"]}


def _part(bundle: Bundle, part: str) -> dict[str, Any]:
    content = {"head": bundle.head_bytes, "tail": bundle.tail_bytes, "model": bundle.model_bytes}[part]()
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(content)
        file.flush()
        try:
            return onnx_meta.facts(file.name)
        except onnx_meta.NotServable as error:
            raise onnx_meta.NotServable(f"its {part}.onnx: {error}") from error


def main() -> None:
    """Prints the facts of the file named first, or {"error"}."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    try:
        print(json.dumps(facts(Path(sys.argv[1]))))
    except (onnx_meta.NotServable, BundleError) as error:
        print(json.dumps({"error": str(error)}))


if __name__ == "__main__":
    main()

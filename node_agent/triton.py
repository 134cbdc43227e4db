"""Triton processes: their model repository, start and readiness; the only place that speaks to Triton."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import shutil
import sys
from asyncio import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from common.bundle import Bundle, BundleError, looks_like_bundle
from common.errors import InvalidArgument, Unavailable, Violation
from common.rpc.channel import aio_channel
from node_agent.config import RESOURCE, config_pbtxt
from node_agent.model import SegmentSpec, Serve, Tenant, Unit
from node_agent.naming import named


def command(spec: SegmentSpec, unit: Unit, repository: Path, host: str, drain_s: float) -> list[str]:
    """How one Triton process of the segment is started; behind a tail it listens on loopback only.

    `drain_s`: how long it lets requests in flight finish after SIGTERM, seconds.
    """
    inner = "127.0.0.1" if spec.serve is Serve.TAIL else host
    options = {
        "model-repository": repository,
        "strict-readiness": "true",
        "model-control-mode": "none",  # nobody unloads what we serve
        "exit-timeout-secs": math.ceil(drain_s),
        "http-address": inner,
        "http-port": unit.http_port,
        "grpc-address": inner,
        "grpc-port": unit.grpc_port,
        "metrics-address": host,
        "metrics-port": unit.metrics_port,
        "log-verbose": 0,
    }
    if spec.tenants:  # one unit of one resource, which each execution takes: so they run one at a time
        options |= {"rate-limit": "execution_count", "rate-limit-resource": f"{RESOURCE}:1"}
    flags = [f"--{name}={value}" for name, value in options.items()]
    return ["tritonserver", "--disable-auto-complete-config", *flags]


async def lay_out(spec: SegmentSpec, models: Mapping[str, Path], folder: Path) -> Path:
    """Writes the segment's model repository under `folder`; its path. `models`: files by workload.

    InvalidArgument if a file cannot be served.
    """
    repository = folder / "repository"
    for one in spec.served:
        with named(spec, one):
            await _lay_out_one(spec, one, models[one.workload], repository / one.workload)
    return repository


async def _lay_out_one(spec: SegmentSpec, one: Tenant, model: Path, home: Path) -> None:
    (home / "1").mkdir(parents=True, exist_ok=True)
    target, config = home / "1" / "model.onnx", home / "config.pbtxt"
    if not target.exists():
        await asyncio.to_thread(_place, spec, model, target)
    if not config.exists():
        priority = one.priority if spec.tenants else None
        text = config_pbtxt(one.workload, await facts(target), one.batch, spec.max_queue_delay_us, priority)
        config.with_suffix(".new").write_text(text)
        config.with_suffix(".new").rename(config)


def _place(spec: SegmentSpec, model: Path, target: Path) -> None:
    fresh = target.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    if looks_like_bundle(model):
        fresh.write_bytes(_part(spec, model))
    elif spec.serve is Serve.TAIL:
        raise InvalidArgument(Violation("model_digest", "only a bundle has a tail to serve: cut the model with slicer"))
    else:
        try:
            os.link(model, fresh)
        except OSError:
            shutil.copyfile(model, fresh)
    fresh.rename(target)


def _part(spec: SegmentSpec, model: Path) -> bytes:
    try:
        bundle = Bundle.open(model)
        return bundle.tail_bytes() if spec.serve is Serve.TAIL else bundle.model_bytes()
    except BundleError as error:
        raise InvalidArgument(Violation("model_digest", f"the bundle cannot be used: {error}")) from error


async def facts(model: Path) -> dict[str, Any]:
    """Inputs, outputs and batchability of an ONNX file, read in its own process. InvalidArgument if there are none."""
    reader = await subprocess.create_subprocess_exec(
        sys.executable, "-m", "common.onnx_meta", str(model), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    out, _ = await reader.communicate()
    try:
        found: dict[str, Any] = json.loads(out)
    except ValueError:
        found = {"error": "reading it failed"}
    if "error" in found:
        raise InvalidArgument(Violation("model_digest", f"the model cannot be served: {found['error']}"))
    return found


async def models_ready(host: str, port: int, models: Iterable[str], timeout_s: float = 1.0) -> bool:
    """Whether that Triton answers for each of those very models: a server may say ready before they are, or after."""
    asked = [service_pb2.ModelReadyRequest(name=model) for model in models]
    with contextlib.suppress(grpc.RpcError):
        async with aio_channel(f"{host}:{port}") as channel:
            stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            answers = await asyncio.gather(*(stub.ModelReady(one, timeout=timeout_s) for one in asked))
            return all(answer.ready for answer in answers)
    return False


def check_present() -> None:
    """Unavailable if there is no tritonserver on PATH."""
    if shutil.which("tritonserver") is None:
        raise Unavailable("there is no tritonserver on PATH: install Triton Inference Server on this host")

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
from pathlib import Path
from typing import Any

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from common.bundle import Bundle, BundleError, looks_like_bundle
from common.errors import InvalidArgument, Unavailable, Violation
from common.rpc.channel import aio_channel
from node_agent.config import config_pbtxt
from node_agent.model import SegmentSpec, Serve, Unit


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
    flags = [f"--{name}={value}" for name, value in options.items()]
    return ["tritonserver", "--disable-auto-complete-config", *flags]


async def lay_out(spec: SegmentSpec, model: Path, folder: Path) -> Path:
    """Writes the segment's model repository under `folder`; its path. InvalidArgument if the file cannot be served."""
    repository = folder / "repository"
    home = repository / spec.workload
    (home / "1").mkdir(parents=True, exist_ok=True)
    target, config = home / "1" / "model.onnx", home / "config.pbtxt"
    if not target.exists():
        await asyncio.to_thread(_place, spec, model, target)
    if not config.exists():
        text = config_pbtxt(spec.workload, await facts(target), spec.batch, spec.max_queue_delay_us)
        config.with_suffix(".new").write_text(text)
        config.with_suffix(".new").rename(config)
    return repository


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


async def model_ready(host: str, port: int, model: str, timeout_s: float = 1.0) -> bool:
    """Whether that Triton answers for that very model: a server may say ready before its model is, or after."""
    with contextlib.suppress(grpc.RpcError):
        async with aio_channel(f"{host}:{port}") as channel:
            stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            answer = await stub.ModelReady(service_pb2.ModelReadyRequest(name=model), timeout=timeout_s)
            return bool(answer.ready)
    return False


def check_present() -> None:
    """Unavailable if there is no tritonserver on PATH."""
    if shutil.which("tritonserver") is None:
        raise Unavailable("there is no tritonserver on PATH: install Triton Inference Server on this host")

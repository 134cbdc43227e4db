"""The edge: the recogniser cut in two behind a thin link, level by level; and what happens when the tail is killed."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from bench.demo import labels, ocr
from bench.demo.gateway import LEVELS, WORKLOAD, Gateway, read
from bench.demo.measure import session, write
from bench.demo.serve import document
from bench.demo.world import GPUS_PER_HOST, HOSTS, World
from common.bundle import Bundle

FRAMES = 24
CALIBRATION = 128
DEFAULT = "rans-8"


def split(world: World) -> None:
    """Cut, push, apply the tail, then read labels over the link at every codec level."""
    show = world.show
    with show.stage(f"Edge: the recogniser cut in two, behind {world.link.how}"):
        bundle = _cut(world)
        _apply_tail(world, bundle)
        gateway = Gateway(world, world.plane.folder / "gateway")
        for index in range(FRAMES):
            gateway.put("frames", index, ocr.recognition_input(labels.render(1000 + index).image))
        whole = _texts(gateway.answer_all("frames", "local", "--mode=local"))
        world.link.thin()
        show.say("the gateway has fetched its bundle; from here on the link is thin")
        rows, found = [], {}
        for level in LEVELS:
            with show.console.status(f"   reading {FRAMES} labels at level {level} ..."):
                found[level] = gateway.answer_all(
                    "frames", level, "--mode=split", f"--level={level}", "--deadline-ms=5000"
                )
            rows.append(_row(f"split, {level}", found[level], whole))
        _compare(world, gateway, rows, found, whole)


def _cut(world: World) -> Path:
    """Cuts at the deepest of the tensors with the fewest elements: what crosses the link is smallest there."""
    model, folder = world.models["recognition"], world.plane.folder
    listed: list[dict[str, Any]] = json.loads(_slicer(world, "cuts", str(model), "--shape=1x3x48x320", "-o", "json"))
    fewest = min(cut["raw_bytes"] for cut in listed if cut["raw_bytes"])
    cut = [cut for cut in listed if cut["raw_bytes"] == fewest][-1]
    samples, bundle = folder / "calibration.npz", folder / "recognition.bundle"
    np.savez(
        samples,
        image=np.concatenate([ocr.recognition_input(labels.render(5000 + i).image) for i in range(CALIBRATION)]),
    )
    flags = (f"--at={cut['index']}", f"--calibrate={samples}", f"--level={DEFAULT}", f"--output={bundle}")
    _slicer(world, "cut", str(model), *flags)
    world.show.say(f"{len(listed)} valid cuts; cut {cut['id']}: {'×'.join(map(str, cut['shape']))}, {fewest} bytes raw")
    return bundle


def _slicer(world: World, *arguments: str) -> str:
    return world.run("sliceplane-slicer", *arguments)


def _apply_tail(world: World, bundle: Path) -> None:
    folder, opened = world.plane.folder, Bundle.open(bundle)
    tail = folder / "tail.onnx"
    tail.write_bytes(opened.tail_bytes())
    example = np.zeros([1, *(size or 1 for size in opened.cut_shape[1:])], np.float32)
    profile = write(folder / "recognition-split.csv", tail, example, 7 * GPUS_PER_HOST * len(HOSTS))
    world.cli("model", "push", "recognition-split", str(bundle), shown=False)
    world.cli("profiles", "import", str(profile), shown=False)
    path = folder / "tail.yaml"
    path.write_text(yaml.safe_dump(document(WORKLOAD, "recognition-split", 20.0, 300.0, "tail")))
    world.cli("apply", "-f", str(path))
    world.cli("wait", WORKLOAD, "--for=ready", "--timeout=60s")


def _texts(results: list[dict[str, Any]]) -> dict[str, str]:
    alphabet = ocr.characters()
    outputs = {r["frame"]: {o["name"]: o for o in r["outputs"]} for r in results}
    return {frame: ocr.decode(np.array(o["classes"]["data"]), alphabet).strip() for frame, o in outputs.items() if o}


def _row(name: str, results: list[dict[str, Any]], whole: dict[str, str]) -> tuple[str, ...]:
    times = [r["timing_ms"]["total"] for r in results]
    size = np.mean([r["activation_bytes"] for r in results])
    texts = _texts(results)
    agreed = sum(texts.get(frame) == text for frame, text in whole.items())
    p50, p95 = np.percentile(times, (50, 95))
    return name, f"{size:,.0f}", f"{p50:.1f}", f"{p95:.1f}", f"{100 * agreed / len(whole):.0f} %"


def _compare(
    world: World,
    gateway: Gateway,
    rows: list[tuple[str, ...]],
    found: dict[str, list[dict[str, Any]]],
    whole: dict[str, str],
) -> None:
    show = world.show
    local = _row("local, whole model", read(gateway.folder / "local.jsonl"), whole)
    uploads = gateway.upload("recognition", world.samples("recognition"), 8)
    frame = ocr.recognition_input(labels.render(1000).image)
    jpeg, survived = _jpeg(world, whole)
    raw = ("raw upload, uint8", f"{frame.nbytes:,}", *(f"{np.percentile(uploads, q):.1f}" for q in (50, 95)), "-")
    photo = ("JPEG, quality 90", f"{jpeg:,.0f}", "-", "-", f"{100 * survived:.0f} %")
    columns = ("", "bytes a frame", "p50 ms", "p95 ms", "text as whole model")
    show.table("", columns, [local, raw, photo, *rows])
    show.say("the device runs on a full core of this machine, so its local model is as fast as one core allows")
    default = [r for r in found[DEFAULT] if r["answered_by"] == "split"]
    size, p50 = np.mean([r["activation_bytes"] for r in default]), np.median([r["timing_ms"]["total"] for r in default])
    figure = f"{size:,.0f} bytes: 1/{frame.nbytes / size:.0f} of raw, 1/{jpeg / size:.1f} of the JPEG"
    show.promise(f"activations at {DEFAULT} are smaller than the JPEG", bool(0 < size < jpeg), figure)
    faster = f"p50 {p50:.0f} ms against {np.median(uploads):.0f} ms: {np.median(uploads) / p50:.1f}×"
    show.promise("the split beats the raw upload on this link", bool(p50 < np.median(uploads)), faster)
    for level, least in (("raw", FRAMES), (DEFAULT, 0.95 * FRAMES)):
        same = sum(_texts(found[level]).get(f) == text for f, text in whole.items())
        figure = f"{same} of {FRAMES} texts"
        show.promise(f"head and tail at level {level} read what the whole model reads", same >= least, figure)


def _jpeg(world: World, whole: dict[str, str]) -> tuple[float, float]:
    """Mean bytes of the labels as JPEGs of quality 90, without padding, and the share of texts that survive it."""
    runtime, alphabet = session(world.models["recognition"], 1), ocr.characters()
    sizes, same = [], 0
    for number, text in enumerate(whole[frame] for frame in sorted(whole)):
        image, out = labels.render(1000 + number).image, io.BytesIO()
        image.resize((round(image.width * 48 / image.height), 48)).save(out, "JPEG", quality=90)
        sizes.append(len(out.getvalue()))
        frame = ocr.recognition_input(Image.open(out))
        same += ocr.decode(runtime.run(["classes"], {"image": frame})[0][0], alphabet).strip() == text
    return float(np.mean(sizes)), same / len(whole)


def stop_tail(world: World) -> None:
    """kill -9 of the tail while frames flow: local answers meanwhile, then the split again."""
    show, plane = world.show, world.plane
    with show.stage("Fault: kill -9 of the tail while frames flow"):
        gateway = Gateway(world, plane.folder / "gateway")
        results, sent = gateway.folder / "flow.jsonl", 0
        (gateway.folder / "flow").mkdir(exist_ok=True)
        plane.spawn("edge-flow", gateway.command("flow", results, "--goal=offload", "--deadline-ms=1500"))

        def feed(seconds: float) -> None:
            nonlocal sent
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                gateway.put("flow", sent, ocr.recognition_input(labels.render(sent).image))
                sent += 1
                time.sleep(0.1)

        with show.console.status("   frames flow ..."):
            feed(1.0)
            show.until("the first frames are split", lambda: _last(results, "split"), 30)
            tails = [p for p in plane.left() if "sliceplane-tail" in " ".join(p.cmdline())]
            for tail in tails:
                tail.kill()
            before = len(read(results))
            feed(2.0)
            while not _last(results, "split", before + 1) and sent < 300:
                feed(0.5)
        show.until("all are answered", lambda: "all" if len(read(results)) >= sent else None, 30)
        plane.stop("edge-flow")
        _tell(world, read(results), sent, len(tails))


def _last(results: Path, where: str, after: int = 0) -> str | None:
    done = read(results)
    recent = done[after:]
    fell_back = after == 0 or any(r["answered_by"] == "local" for r in recent)
    return where if fell_back and recent and recent[-1]["answered_by"] == where else None


def _tell(world: World, done: list[dict[str, Any]], sent: int, killed: int) -> None:
    show = world.show
    where = [r["answered_by"] for r in done]
    reasons = sorted({r["fallback_reason"] for r in done if r["fallback_reason"]})
    show.say("".join({"split": "s", "local": "L"}.get(w, "x") for w in where) + "   (s split, L local, x failed)")
    figure = f"{len({r['frame'] for r in done})} answers to {sent} frames, {where.count('failed')} failed"
    exactly = len(done) == sent == len({r["frame"] for r in done}) and "failed" not in where
    show.promise("every frame has exactly one answer", exactly, figure)
    local = where.count("local")
    show.promise(
        "frames are answered locally while the tail is away", killed > 0 < local, f"{local}: {', '.join(reasons)}"
    )
    show.promise("the split comes back by itself", where[-1] == "split", f"the last frame: {where[-1]}")

"""The faults: a Triton process killed, a rate doubled, a tail stopped; each under load, each mended by the plane."""

from __future__ import annotations

import os
import signal
import time

import yaml

from bench.demo.serve import RATES, SLO_MS, document, table
from bench.demo.world import World, loaded


def kill_triton(world: World) -> None:
    """kill -9 of one Triton of the busiest workload while it is under load."""
    show = world.show
    with show.stage("Fault: kill -9 of one Triton process of `recognition`, under load"), world.client() as client:
        process = world.load({"recognition": RATES["recognition"]}, 10.0)
        time.sleep(2)
        victim = next(e for s in client.segments(workload="recognition") for e in s.endpoints if e.ready and e.pid)
        before = sum(s.restarts for s in client.segments(workload="recognition"))
        os.kill(victim.pid, signal.SIGKILL)
        show.say(f"killed pid {victim.pid} at port {victim.port}")

        def mended() -> str | None:
            segments = client.segments(workload="recognition")
            pids = {e.pid for s in segments for e in s.endpoints}
            whole = all(s.state == "ready" for s in segments) and victim.pid not in pids
            return "ready" if whole and sum(s.restarts for s in segments) > before else None

        seconds, _ = show.until("the agent replaces it", mended, 60)
        found = loaded(process, 60)
        table(world, found)
        outcome = found["recognition"]
        show.promise("a killed Triton is replaced", mended() is not None, f"all ready again after {seconds:.1f} s")
        lost = f"{outcome['failed']} of {outcome['sent']} requests failed"
        show.promise("the others carry on meanwhile", outcome["failed"] <= 0.02 * outcome["sent"], lost)


def double_rate(world: World) -> None:
    """Twice the rate: the plan grows, clients follow without an error."""
    show = world.show
    with show.stage("Change: double the rate of `recognition`, under load"), world.client() as client:
        before = client.plan()
        path = world.plane.folder / "double.yaml"
        rate = 2 * RATES["recognition"]
        path.write_text(yaml.safe_dump(document("recognition", "recognition", rate, SLO_MS["recognition"])))
        process = world.load({"recognition": RATES["recognition"]}, 12.0)
        time.sleep(2)
        world.cli("apply", "-f", str(path))
        world.cli("wait", "recognition", "--for=ready", "--timeout=90s")
        world.cli("map")
        found = loaded(process, 60)
        table(world, found)
        after, planned = client.plan(), client.get("recognition").status.planned_throughput
        grown = f"{before.gpcs} -> {after.gpcs} GPCs, {planned:.1f} requests/s planned for {rate:.0f}"
        show.promise("a doubled rate is re-planned", after.id > before.id and planned >= rate, grown)
        failed = found["recognition"]["failed"]
        show.promise("clients follow the re-plan without an error", failed == 0, f"{failed} failed")

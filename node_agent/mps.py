"""MPS: one control daemon per segment, with directories of its own, on the segment's MIG device."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from common.errors import Unavailable
from node_agent import processes
from node_agent.model import Process

CONTROL = "nvidia-cuda-mps-control"
PATIENCE_S = 10.0


def environment(folder: Path, mig_uuid: str) -> dict[str, str]:
    """What a CUDA process of the segment, and the daemon itself, run with. `folder` is the segment's own."""
    return {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": mig_uuid,
        "CUDA_MPS_PIPE_DIRECTORY": str(folder / "mps"),
        "CUDA_MPS_LOG_DIRECTORY": str(folder / "mps-log"),
    }


class MpsDaemons:
    """Starts, recognises and stops control daemons."""

    async def start(self, home: Path, mig_uuid: str) -> Process:
        """Starts the segment's daemon, or finds it running. Unavailable if it does not start."""
        if found := running(home):
            return found
        for name in ("mps", "mps-log"):
            (home / name).mkdir(parents=True, exist_ok=True)
        _pid_file(home).unlink(missing_ok=True)
        code = await _run(home, mig_uuid, "-d")
        if code:
            said = (home / "mps-log" / "agent.log").read_text(errors="replace").strip().splitlines()
            raise Unavailable(f"{CONTROL} -d failed: {said[-1] if said else code}")
        for _ in range(int(PATIENCE_S / 0.05)):
            if found := running(home):
                return found
            await asyncio.sleep(0.05)
        raise Unavailable(f"{CONTROL} wrote no pid file within {PATIENCE_S:.0f} s")

    async def stop(self, home: Path, mig_uuid: str, daemon: Process | None) -> None:
        """Asks the daemon to quit; ends it if it does not listen."""
        daemon = daemon or running(home)
        if daemon is None or not processes.alive(daemon):
            return
        await _run(home, mig_uuid, text="quit\n")
        for _ in range(40):
            if not processes.alive(daemon):
                return
            await asyncio.sleep(0.05)
        await processes.end(daemon, 2.0)

    def alive(self, daemon: Process | None) -> bool:
        """Whether that very daemon still runs."""
        return processes.alive(daemon)


def running(folder: Path) -> Process | None:
    """The daemon that the pid file names, if it lives and is one."""
    try:
        found = processes.of_pid(int(_pid_file(folder).read_text()))
        if found and CONTROL[:15] in Path(f"/proc/{found.pid}/comm").read_text():
            return found
    except (OSError, ValueError):
        pass
    return None


def check_present() -> None:
    """Unavailable if there is no MPS control program on PATH."""
    if shutil.which(CONTROL) is None:
        raise Unavailable(f"there is no {CONTROL} on PATH: install the NVIDIA driver's compute tools on this host")


def _pid_file(folder: Path) -> Path:
    return folder / "mps" / "nvidia-cuda-mps-control.pid"


async def _run(folder: Path, mig_uuid: str, *arguments: str, text: str = "") -> int:
    # To a file, not a pipe: a daemon that keeps our end open would hold us for ever.
    with (folder / "mps-log" / "agent.log").open("ab") as log:
        try:
            child = await asyncio.create_subprocess_exec(
                CONTROL,
                *arguments,
                env=environment(folder, mig_uuid),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"cannot start {CONTROL}: {error.strerror}; is it on PATH?") from error
    try:
        await asyncio.wait_for(child.communicate(text.encode()), PATIENCE_S)
    except TimeoutError:
        child.kill()
        await child.wait()
    return child.returncode or 0

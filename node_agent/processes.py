"""Starts, recognises and ends the processes of segments; they live in sessions of their own and outlive the agent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import psutil

from common.errors import Unavailable
from node_agent.model import Process

LOG_LIMIT = 8 << 20


def start(command: Sequence[str], env: Mapping[str, str], log: Path) -> Process:
    """Starts `command`; its output is appended to `log`, which is begun anew at 8 MiB. Unavailable if it cannot."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".old"))
    try:
        with log.open("ab") as out:
            child = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=dict(env), start_new_session=True
            )
    except OSError as error:
        raise Unavailable(f"cannot start {command[0]}: {error.strerror}; is it on PATH?") from error
    return of_pid(child.pid) or Process(child.pid, 0.0)


def of_pid(pid: int) -> Process | None:
    """The living process of that pid, or None."""
    try:
        return Process(pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def alive(process: Process | None) -> bool:
    """Whether that very process still runs: not a later one of the same pid, not one that only waits to be reaped."""
    if process is None:
        return False
    try:
        found = psutil.Process(process.pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            _reap(process.pid)
            return False
        return abs(found.create_time() - process.started) < 0.01
    except psutil.NoSuchProcess:
        return False


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError, psutil.TimeoutExpired, psutil.NoSuchProcess):
        psutil.Process(pid).wait(0)


async def end(process: Process | None, grace_s: float) -> None:
    """SIGTERM, then after `grace_s` SIGKILL, to it and all that it started; returns when they are gone."""
    if process is None or not alive(process):
        return
    try:
        root = psutil.Process(process.pid)
        family = [root, *root.children(recursive=True)]
        root.terminate()
    except psutil.NoSuchProcess:
        return
    for deadline, strike in ((grace_s, psutil.Process.kill), (5.0, None)):
        waited = 0.0
        while (left := [p for p in family if _runs(p)]) and waited < deadline:
            await asyncio.sleep(0.05)
            waited += 0.05
        for stubborn in left if strike else ():
            with contextlib.suppress(psutil.NoSuchProcess):
                stubborn.kill()
    _reap(process.pid)


def _runs(process: psutil.Process) -> bool:
    try:
        if process.status() != psutil.STATUS_ZOMBIE:
            return True
    except psutil.NoSuchProcess:
        return False
    _reap(process.pid)
    return False


def ours(folder: Path, spare: Collection[int] = ()) -> list[psutil.Process]:
    """Living processes that were started for a segment under `folder`; not those of `spare`, nor what they started.

    They are known by the directory of their MPS daemon, which every process of a segment has in its environment.
    """
    return [p for p in psutil.process_iter() if _belongs(p, f"{folder}{os.sep}") and not _spared(p, spare)]


def _belongs(process: psutil.Process, prefix: str) -> bool:
    try:
        home = process.environ().get("CUDA_MPS_PIPE_DIRECTORY", "")
        return home.startswith(prefix) and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _spared(process: psutil.Process, spare: Collection[int]) -> bool:
    try:
        return any(p.pid in spare for p in (process, *process.parents()))
    except psutil.NoSuchProcess:
        return True


def kill(found: Iterable[psutil.Process]) -> None:
    """SIGKILL, and waits until they are gone."""
    doomed = list(found)
    for process in doomed:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(doomed, timeout=5)

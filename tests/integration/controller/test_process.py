"""The whole controller in this process: ports, readiness, metrics, graceful stop, and how it refuses to start."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import click
import pytest
from click.testing import CliRunner
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from common.errors import FailedPrecondition, SliceplaneError, Unavailable
from controller.main import main, serve
from controller.settings import ENVIRONMENT, Settings, options
from controller.store.migrate import upgrade
from tests.postgres import execute


def settings(*flags: str, **environment: str) -> Settings:
    """What the command line and the environment make of it."""
    found: list[Settings] = []

    @click.command(context_settings={"auto_envvar_prefix": ENVIRONMENT})
    @options
    def command(**given: Any) -> None:
        found.append(Settings(**given))

    result = CliRunner().invoke(command, flags, env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return found[0]


@asynccontextmanager
async def running(folder: Path, database: str, *flags: str) -> AsyncIterator[dict[str, int]]:
    """A controller on `database` and free ports; gives its port file. It is stopped gracefully."""
    listen = [f"--{kind}listen=127.0.0.1:0" for kind in ("", "xds-", "http-")]
    where = [f"--state-dir={folder}", f"--database-url={database}", f"--port-file={folder / 'ports'}"]
    stop = asyncio.Event()
    task = asyncio.create_task(serve(settings(*listen, *where, *flags), stop))
    try:
        for _ in range(500):
            if task.done() or (folder / "ports").exists():
                break
            await asyncio.sleep(0.02)
        if task.done():
            task.result()
        yield json.loads((folder / "ports").read_text())
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def _get(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text()


async def _ready(port: int) -> str:
    for _ in range(100):
        status, text = await _get(port, "/readyz")
        if status == 200:
            return text
        await asyncio.sleep(0.05)
    raise AssertionError(text)


async def test_serves_and_says_so(tmp_path: Path, database: str) -> None:
    """Once the port file is there every port answers; it leads, is ready, and shows its figures."""
    async with running(tmp_path, database) as ports:
        assert await _ready(ports["http"]) == "ready: leads, epoch 1\n"
        assert await _get(ports["http"], "/healthz") == (200, "ok\n")
        for name in ("api", "xds"):
            async with aio.insecure_channel(f"127.0.0.1:{ports[name]}") as channel:
                health: Any = health_pb2_grpc.HealthStub(channel)
                answer = await health.Check(health_pb2.HealthCheckRequest())
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
        _, metrics = await _get(ports["http"], "/metrics")
        for line in ("sliceplane_leader 1.0", "sliceplane_database_up 1.0", 'sliceplane_segments{state="ready"} 0.0'):
            assert line in metrics.splitlines()
        assert 'sliceplane_rpcs_total{code="OK",method="/grpc.health.v1.Health/Check"} 2.0' in metrics


async def test_a_replica_follows_and_takes_over(tmp_path: Path, database: str) -> None:
    """Of two controllers on one database one leads; when it stops, the other leads with the next epoch."""
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
    async with running(first, database) as leader:
        await _ready(leader["http"])
        async with running(second, database) as replica:
            assert await _ready(replica["http"]) == "ready: follows, epoch 1\n"
            execute(database, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
            epochs = set()
            for _ in range(100):
                epochs = {(await _ready(ports["http"])) for ports in (leader, replica)}
                if any("leads, epoch 2" in said for said in epochs):
                    break
                await asyncio.sleep(0.05)
            assert any("leads, epoch 2" in said for said in epochs)


async def test_not_ready_without_its_database(tmp_path: Path, database: str) -> None:
    """While the database refuses it, /readyz is 503 with the reason and /healthz stays 200."""
    name = database.partition("?")[0].rpartition("/")[2]
    elsewhere = database.replace(f"/{name}?", "/postgres?")
    async with running(tmp_path, database) as ports:
        await _ready(ports["http"])
        execute(elsewhere, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            execute(elsewhere, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            status, text = await _get(ports["http"], "/readyz")
            assert (status, "database" in text) == (503, True)
            assert (await _get(ports["http"], "/healthz"))[0] == 200
            assert "sliceplane_database_up 0.0" in (await _get(ports["http"], "/metrics"))[1]
        finally:
            execute(elsewhere, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await _ready(ports["http"])


async def test_a_taken_port_is_one_line(tmp_path: Path, database: str) -> None:
    """Each listener that cannot be had ends the start with what to change."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for kind in ("", "xds-", "http-"):
            flag = f"--{kind}listen=127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(Unavailable, match="cannot listen"):
                async with running(tmp_path, database, flag):
                    pass


async def test_unusable_folders_are_one_line(tmp_path: Path, database: str) -> None:
    """A state directory or a model store that cannot be made is refused with the flag to change."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FailedPrecondition, match="--state-dir"):
        async with running(tmp_path / "file" / "state", database):
            pass
    with pytest.raises(FailedPrecondition, match="--models-url"):
        async with running(tmp_path, database, f"--models-url={(tmp_path / 'file').as_uri()}"):
            pass


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", ""])
def test_foreign_database(url: str) -> None:
    """A URL of another kind of database is refused at once."""
    with pytest.raises(FailedPrecondition, match="postgresql://"):
        upgrade(url)


def test_unreachable_database() -> None:
    """A database that does not answer in time is one line, with the driver's reason and the way out."""
    with pytest.raises(Unavailable, match="--database-url") as error:
        upgrade("postgresql://127.0.0.1:9/none", wait_s=0.1)
    assert isinstance(error.value, SliceplaneError)
    assert "\n" not in error.value.message


def test_settings_come_from_flags_and_environment(tmp_path: Path) -> None:
    """A flag wins over its environment variable, and that over the default; lists split at blanks."""
    found = settings(
        "--turn-seconds=3",
        SLICEPLANE_CONTROLLER_TURN_SECONDS="4",
        SLICEPLANE_CONTROLLER_DRAIN_SECONDS="5",
        SLICEPLANE_CONTROLLER_LISTEN="127.0.0.1:1 127.0.0.1:2",
        XDG_STATE_HOME=str(tmp_path),
    )
    assert (found.turn_seconds, found.drain_seconds) == (3, 5)
    assert found.listen == ("127.0.0.1:1", "127.0.0.1:2")
    assert found.state_dir == tmp_path / "sliceplane"
    assert found.models == (tmp_path / "sliceplane" / "models").as_uri()


@pytest.mark.parametrize("other", ["--algorithm=parvagpu", "--slo-model=half"])
def test_sharing_needs_the_optimal_planner_and_the_queueing_rule(other: str) -> None:
    """Any other choice beside it is refused with both flags named; by themselves they go together."""
    assert settings("--share-segments").how.share
    refused = CliRunner().invoke(main, ["--share-segments", other])
    assert refused.exit_code == 2
    assert f"--share-segments needs {other.partition('=')[0]}" in refused.output


def test_help_names_every_option() -> None:
    """--help lists every flag."""
    text = CliRunner().invoke(main, ["--help"]).output
    for flag in ("--state-dir", "--database-url", "--listen", "--xds-listen", "--http-listen", "--port-file"):
        assert flag in text

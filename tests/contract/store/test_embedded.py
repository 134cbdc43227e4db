"""The embedded Postgres: started, adopted after a crash, revived, and stopped by the last who holds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from common.errors import Unavailable
from controller.store.embedded import EmbeddedPostgres

HOLD = """
import sys, time
from pathlib import Path
from controller.store.embedded import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: Postgres puts its socket there."""
    with tempfile.TemporaryDirectory(prefix="slp-") as found:
        yield Path(found) / "state" / "pg"


def _pid(folder: Path) -> int:
    return int((folder / "postmaster.pid").read_text().splitlines()[0])


def _gone(pid: int, within_s: float = 10) -> bool:
    try:
        psutil.Process(pid).wait(within_s)
    except psutil.NoSuchProcess:
        pass
    except psutil.TimeoutExpired:
        return False
    return True


def test_a_killed_holder_leaves_it_to_the_next(folder: Path) -> None:
    """After kill -9 of its holder the server runs on, the next one adopts it, and stops it at its own stop."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        url = holder.stdout.readline().strip()
        holder.send_signal(signal.SIGKILL)
    server = _pid(folder)
    adopted = EmbeddedPostgres(folder)
    assert adopted.start() == url
    assert _pid(folder) == server
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    adopted.stop()
    assert _gone(server)


def test_a_killed_server_is_revived(folder: Path) -> None:
    """After kill -9 of the server it is started again, with what it had."""
    postgres = EmbeddedPostgres(folder)
    url = postgres.start()
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (x int)")
        assert not postgres.revive()
        killed = _pid(folder)
        os.kill(killed, signal.SIGKILL)
        assert _gone(killed)
        assert _revived(postgres)
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT * FROM kept").fetchall() == []
    finally:
        postgres.stop()


def _revived(postgres: EmbeddedPostgres) -> bool:
    for _ in range(50):  # its children need a moment to see that it is gone
        try:
            return postgres.revive()
        except Unavailable:
            time.sleep(0.2)
    return False


def test_a_foreign_pid_is_not_adopted(folder: Path) -> None:
    """A pid file left from before a reboot, whose number is now another program's, does not hinder the start."""
    postgres = EmbeddedPostgres(folder)
    url = postgres.start()
    lines = (folder / "postmaster.pid").read_text().splitlines()
    postgres.stop()
    (folder / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    again = EmbeddedPostgres(folder)
    assert again.start() == url
    with psycopg.connect(url):
        pass
    again.stop()


def test_a_broken_folder_is_one_line(folder: Path) -> None:
    """A data directory that Postgres cannot use ends in Unavailable with the way out."""
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text("18\n")
    with pytest.raises(Unavailable, match="--database-url"):
        EmbeddedPostgres(folder).start()

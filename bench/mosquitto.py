"""A real Mosquitto broker on loopback, from PATH or as bench/install_mosquitto.sh put it into build/."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.plane import REPO, free_port

BUILT = REPO / "build" / "mosquitto"

CONFIG = """listener {port} 127.0.0.1
user {user}
allow_anonymous true
persistence true
persistence_location {folder}/
max_queued_messages 0
max_inflight_messages 20
"""


def found() -> str | None:
    """The programme, or None where there is none."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", str(BUILT / "usr" / "sbin")])
    return shutil.which("mosquitto", path=path)


@dataclass
class Mosquitto:
    """Starts, kills and restarts a broker on one port; its sessions and queues lie in `folder`."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What --mqtt takes."""
        return f"mqtt://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """What runs it; its settings are written. RuntimeError where there is no Mosquitto."""
        programme = found()
        if programme is None:
            raise RuntimeError("there is no mosquitto: install it, or run bench/install_mosquitto.sh")
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "mosquitto.conf"
        config.write_text(CONFIG.format(port=self.port, folder=self.folder, user=getpass.getuser()))
        return [programme, "-c", str(config)]

    def environment(self) -> dict[str, str]:
        """Where the libraries are that came with it."""
        libraries = ":".join(map(str, BUILT.glob("**/lib/*-linux-gnu")))
        return {**os.environ, "LD_LIBRARY_PATH": libraries} if libraries else dict(os.environ)

    def start(self) -> Mosquitto:
        """Returns when it listens."""
        log = self.folder.parent / f"{self.folder.name}.log"
        with log.open("ab") as out:
            self.process = subprocess.Popen(self.command(), stdout=out, stderr=out, env=self.environment())
        self.wait()
        return self

    def wait(self, within_s: float = 10) -> None:
        """Returns when it listens. RuntimeError if it does not."""
        deadline = time.monotonic() + within_s
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if time.monotonic() > deadline:
                raise RuntimeError(f"mosquitto does not listen on port {self.port} within {within_s:g} s")
            time.sleep(0.02)

    def stop(self) -> None:
        """SIGTERM: it writes its sessions down."""
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

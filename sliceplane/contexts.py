"""Named servers in `~/.config/sliceplane/contexts.yaml`, one of them the current one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from common.errors import InvalidArgument, NotFound, Violation


@dataclass(frozen=True, slots=True)
class Contexts:
    """Servers ("host:port") by name; `current` is "" or one of them."""

    current: str = ""
    servers: Mapping[str, str] = field(default_factory=dict)

    def with_context(self, name: str, server: str) -> Contexts:
        """With this one set; the first ever set becomes current."""
        return replace(self, current=self.current or name, servers={**self.servers, name: server})

    def using(self, name: str) -> Contexts:
        """With this one current. NotFound."""
        if name not in self.servers:
            known = ", ".join(sorted(self.servers)) or "none is set"
            raise NotFound("context", name, f'there is no context "{name}" ({known}): see `sliceplane config -h`')
        return replace(self, current=name)

    @property
    def server(self) -> str | None:
        """The current server, if any."""
        return self.servers.get(self.current)


def default_path(environ: Mapping[str, str]) -> Path:
    """Where the file lies: under XDG_CONFIG_HOME, or `~/.config`."""
    base = environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "sliceplane" / "contexts.yaml"


def load(path: Path) -> Contexts:
    """Reads the file; none is no contexts. InvalidArgument if it is not what `save` writes."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Contexts()
    except UnicodeDecodeError as error:
        raise _bad(path, "is not UTF-8 text") from error
    try:
        data = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise _bad(path, "is not YAML") from error
    servers = data.get("contexts", {}) if isinstance(data, dict) else None
    if not isinstance(servers, dict) or not all(_is_server(entry) for entry in servers.values()):
        raise _bad(path, "must map names to servers under contexts")
    found = {str(name): str(entry["server"]) for name, entry in servers.items()}
    return Contexts(str(data.get("current") or ""), found)


def save(path: Path, contexts: Contexts) -> None:
    """Writes the file whole or not at all."""
    data = {
        "current": contexts.current,
        "contexts": {name: {"server": server} for name, server in sorted(contexts.servers.items())},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    part.replace(path)


def check_server(server: str) -> str:
    """The server as given, if it reads "host:port". InvalidArgument."""
    host, colon, port = server.rpartition(":")
    if not (colon and host and port.isdigit() and 0 < int(port) < 65536) or any(
        c.isspace() or c == "/" for c in server
    ):
        raise InvalidArgument(Violation("server", f'"{server}" must read host:port, for example 127.0.0.1:7070'))
    return server


def _is_server(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("server"), str)


def _bad(path: Path, what: str) -> InvalidArgument:
    return InvalidArgument(Violation(str(path), f"{what}: mend or remove it, then `sliceplane config set-context`"))

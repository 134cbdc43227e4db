"""Tells systemd how far we are (sd_notify); where no systemd asked, nothing happens."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    """Sends `state`, such as "READY=1", to the socket that systemd named."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # Linux's abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.sendto(state.encode(), address)

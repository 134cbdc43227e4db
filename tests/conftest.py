"""Fixtures that every kind of test may use."""

import os

import hypothesis

from tests.postgres import database, empty_database, postgres_url, stores

__all__ = ["database", "empty_database", "postgres_url", "stores"]

# Agents of tests that run side by side share this machine: apart, none takes a port between another's look at it
# and its Triton's start. All ranges lie below the ports that Linux hands out by itself.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10
os.environ["SLICEPLANE_NODE_AGENT_PORT_RANGE"] = f"{20000 + 1200 * _WORKER}-{21199 + 1200 * _WORKER}"

# On a busy machine an example may take long for no fault of its own; what may not take long is a bench's to say.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

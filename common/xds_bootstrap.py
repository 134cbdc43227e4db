"""The bootstrap document that makes a gRPC client's `xds:///NAME` ask this plane; pure."""

from __future__ import annotations

import json

# `ignore_resource_deletion`: a control plane that restarts, or is asked too early, takes nothing away from clients.
FEATURES = ("xds_v3", "ignore_resource_deletion")


def bootstrap(xds_server_address: str, node_id: str) -> dict[str, object]:
    """What GRPC_XDS_BOOTSTRAP's file (or, as JSON, GRPC_XDS_BOOTSTRAP_CONFIG) holds.

    `xds_server_address` is "host:port" of the controller's xDS listener; `node_id` names the client in its logs.
    """
    server = {
        "server_uri": xds_server_address,
        "channel_creds": [{"type": "insecure"}],
        "server_features": list(FEATURES),
    }
    return {"xds_servers": [server], "node": {"id": node_id}}


def bootstrap_json(xds_server_address: str, node_id: str) -> str:
    """The same as indented JSON with a closing newline."""
    return json.dumps(bootstrap(xds_server_address, node_id), indent=2) + "\n"

"""The bootstrap document."""

from __future__ import annotations

import json

from common.xds_bootstrap import bootstrap_json


def test_names_server_and_client_and_keeps_what_is_not_resent() -> None:
    """The document names our server and asks the client to keep resources that a response leaves out."""
    said = json.loads(bootstrap_json("10.0.0.1:7071", "gateway-7"))
    (server,) = said["xds_servers"]
    assert server["server_uri"] == "10.0.0.1:7071"
    assert server["channel_creds"] == [{"type": "insecure"}]
    assert "ignore_resource_deletion" in server["server_features"]
    assert said["node"]["id"] == "gateway-7"

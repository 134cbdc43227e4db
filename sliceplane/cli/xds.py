"""`sliceplane xds-bootstrap`: the file that lets any gRPC client dial `xds:///WORKLOAD`."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import click

from common.xds_bootstrap import bootstrap
from sliceplane.cli.session import checked_server, note

DEFAULT_XDS_SERVER = "127.0.0.1:7071"


@click.command("xds-bootstrap")
@click.option(
    "--xds-server",
    metavar="HOST:PORT",
    envvar="SLICEPLANE_XDS_SERVER",
    default=DEFAULT_XDS_SERVER,
    show_default=True,
    show_envvar=True,
    help="The controller's xDS address.",
)
@click.option("--node-id", default=None, metavar="ID", help="Who asks.  [default: this host's name]")
@click.option("-o", "--output", "file", type=click.Path(path_type=Path), help="Write it to this file.")
def xds_bootstrap(xds_server: str, node_id: str | None, file: Path | None) -> None:
    """Print what gRPC clients find workloads with.

    \b
    Example:
      sliceplane xds-bootstrap -o bootstrap.json
      export GRPC_XDS_BOOTSTRAP=$PWD/bootstrap.json
      python -c "import tritonclient.grpc as t; print(t.InferenceServerClient('xds:///ocr-rec').is_server_live())"
    """
    made = bootstrap(checked_server(xds_server), node_id or f"{socket.gethostname()}-sliceplane")
    text = json.dumps(made, indent=2)
    if file is None:
        click.echo(text)
        return
    file.write_text(text + "\n", encoding="utf-8")
    note(f"written to {file}; now: export GRPC_XDS_BOOTSTRAP={file.resolve()}")

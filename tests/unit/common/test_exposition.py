"""Figures for Prometheus: served where asked, refused in one line where that cannot be."""

import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter

from bench.plane import free_port
from common.errors import InvalidArgument, Unavailable
from common.exposition import expose


@pytest.mark.parametrize("host", ["127.0.0.1", ""])
def test_figures_are_served_until_ended(host: str) -> None:
    """GET /metrics answers, on the default host where the address names none, until it is ended."""
    registry, port = CollectorRegistry(), free_port()
    Counter("frames", "Frames.", registry=registry).inc(3)
    end = expose(f"{host}:{port}", registry, default_host="127.0.0.1")
    url = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        assert b"frames_total 3.0" in answer.read()
    end()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=5)


@pytest.mark.parametrize("listen", ["", "9090", ":9090", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536"])
def test_bad_addresses_name_the_flag(listen: str) -> None:
    """Whatever is not HOST:PORT is refused, naming the flag; a host is needed where there is no default."""
    with pytest.raises(InvalidArgument, match="--metrics-listen"):
        expose(listen, CollectorRegistry())


def test_a_taken_port_is_named() -> None:
    """A port that somebody listens on is Unavailable, naming the address."""
    port = free_port()
    end = expose(f"127.0.0.1:{port}", CollectorRegistry())
    with pytest.raises(Unavailable, match=str(port)):
        expose(f"127.0.0.1:{port}", CollectorRegistry())
    end()

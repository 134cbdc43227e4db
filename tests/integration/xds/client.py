"""A gRPC client of `xds:///NAME` in a process of its own: GRPC_XDS_BOOTSTRAP_CONFIG is read when grpc is first loaded.

Usage: client.py TARGET SECONDS_OR_CALLS, for example `client.py xds:///echo 2000` or `client.py xds:///echo 3s`.
Prints "first" after the first answer, and at the end one JSON object: calls by answer, errors by code and text.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import Any

import grpc

METHOD = "/test.Echo/Say"


def _endless(limit: str) -> bool:
    return limit.endswith("s")


def main(target: str, limit: str) -> None:
    """Calls until the limit."""
    answers: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    until = time.monotonic() + float(limit[:-1]) if _endless(limit) else float("inf")
    most = float("inf") if _endless(limit) else int(limit)
    with grpc.insecure_channel(target) as channel:
        say: Any = channel.unary_unary(METHOD)
        while sum(answers.values()) + sum(errors.values()) < most and time.monotonic() < until:
            try:
                answers[say(b"", timeout=10, wait_for_ready=not answers).decode()] += 1
            except grpc.RpcError as error:
                errors[f"{error.code().name}: {error.details()}"] += 1
            if sum(answers.values()) == 1:
                print("first", flush=True)
            if _endless(limit):
                time.sleep(0.002)
    print(json.dumps({"answers": answers, "errors": errors}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

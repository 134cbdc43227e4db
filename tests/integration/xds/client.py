"""A gRPC client of `xds:///NAME` in a process of its own: GRPC_XDS_BOOTSTRAP_CONFIG is read when grpc is first loaded.

Usage: client.py TARGET CALLS, for example `client.py xds:///echo 2000`; 0 calls: until its input ends.
Prints each answer when it is seen first, and at the end one JSON object: calls by answer, errors by code and text.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from typing import Any

import grpc

METHOD = "/test.Echo/Say"


def main(target: str, calls: int) -> None:
    """Calls until told enough."""
    answers: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    ended = threading.Event()
    if not calls:
        threading.Thread(target=_wait_for_end, args=(ended,), daemon=True).start()
    with grpc.insecure_channel(target) as channel:
        say: Any = channel.unary_unary(METHOD)
        while not ended.is_set() and (not calls or answers.total() + errors.total() < calls):
            try:
                answer = say(b"", timeout=10, wait_for_ready=not answers).decode()
            except grpc.RpcError as error:
                errors[f"{error.code().name}: {error.details()}"] += 1
            else:
                answers[answer] += 1
                if answers[answer] == 1:
                    print(answer, flush=True)
            if not calls:
                time.sleep(0.005)
    print(json.dumps({"answers": answers, "errors": errors}), flush=True)


def _wait_for_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

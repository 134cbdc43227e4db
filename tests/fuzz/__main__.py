"""`make fuzz-codec`: fuzzes the decoder for a while and says in words what came of it.

With a file as argument that input alone is tried again.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz.check import LIMITS, MEMORY
from tests.fuzz.seeds import seeds

REPOSITORY = Path(__file__).resolve().parents[2]
HOME = REPOSITORY / "build" / "fuzz" / "codec"
SLOWEST_S = 5


def main() -> int:
    """0: nothing was found; 1: something was; 2: the fuzzer did not run."""
    parser = argparse.ArgumentParser(prog="make fuzz-codec", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations; 0: another one each time")
    parser.add_argument("again", nargs="?", type=Path, help="an input that was found, to try it again")
    chosen = parser.parse_args()
    if chosen.again:
        run = _fuzz(str(chosen.again))
        print(run.stdout)
        return run.returncode
    corpus = HOME / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    count = _write(corpus)
    kept = sum(1 for _ in corpus.iterdir()) - count
    print(f"fuzzing the decoder for {chosen.seconds} s: {count} payloads of the encoder, {kept} kept of earlier runs")
    begun = time.monotonic()
    run = _fuzz(
        f"-max_total_time={chosen.seconds}", f"-seed={chosen.seed}", f"-timeout={SLOWEST_S}",
        f"-max_len={LIMITS.max_bytes}", f"-artifact_prefix={HOME}/", "-keep_seed=1", "-use_value_profile=1",
        str(corpus),
    )  # fmt: skip
    print(summary(run.stdout, run.returncode, time.monotonic() - begun))
    return 0 if not run.returncode else 1 if "Test unit written to" in run.stdout else 2


def summary(log: str, code: int, took_s: float) -> str:
    """What a run's log says, in words."""
    runs = max((int(one) for one in re.findall(r"^#(\d+)\t", log, re.M)), default=0)
    edges = re.findall(r"cov: (\d+)", log)
    lines = [
        f"{runs} executions in {took_s:.0f} s, {runs / took_s:.0f} exec/s; {edges[-1] if edges else '?'} coverage edges"
    ]
    written = re.search(r"Test unit written to (\S+)", log)
    if not code:
        lines.append(
            f"found: nothing. Every input was decoded or refused with CodecError, within {MEMORY} bytes of memory"
        )
    elif not written:
        lines.append(f"the fuzzer ended with {code} and no input:\n{log[-2000:]}")
    else:
        lines += [
            f"FOUND: {_reason(log)}",
            f"input: {written.group(1)}",
            f"again: {sys.executable} -m tests.fuzz {written.group(1)}",
        ]
        lines += _trace(log)
    return "\n".join(lines)


def _reason(log: str) -> str:
    if "ERROR: libFuzzer: timeout" in log:
        return f"an input that takes more than {SLOWEST_S} s"
    if "ERROR: libFuzzer: out-of-memory" in log:
        return "an input that takes too much memory"
    raised = re.search(r"Uncaught Python exception: ===\n(.*)", log)
    return raised.group(1) if raised else "an input that ends the process"


def _trace(log: str) -> list[str]:
    raised = re.search(r"Traceback \(most recent call last\):\n(?: .*\n)+", log)
    return [raised.group(0)] if raised else []


def _write(corpus: Path) -> int:
    found = list(seeds())
    for name, payload in found:
        (corpus / name).write_bytes(payload)
    return len(found)


def _fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz.decoder", *arguments]
    return subprocess.run(
        command,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())

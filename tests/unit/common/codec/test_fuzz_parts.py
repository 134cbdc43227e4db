"""The parts of `make fuzz-codec` that need no fuzzer: seeds, mutations, what must hold, and the summary."""

import tracemalloc
from collections.abc import Iterator
from random import Random

import pytest

from common.codec import ALL_LEVELS, IMAGE_LEVELS, CodecError, decode
from tests.fuzz.__main__ import summary
from tests.fuzz.check import LIMITS, check
from tests.fuzz.mutate import mutate
from tests.fuzz.seeds import IMAGES, SHAPES, seeds


@pytest.fixture
def traced() -> Iterator[None]:
    """tracemalloc while a test runs."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


def _change(data: bytes) -> bytes:
    """One byte changed, as a fuzzer might."""
    random = Random(len(data))
    place = random.randrange(max(1, len(data)))
    return data[:place] + bytes((random.randrange(256),)) + data[place + 1 :]


@pytest.mark.usefixtures("traced")
def test_what_the_encoder_writes_passes() -> None:
    """Every seed decodes within what is promised, and each level and shape has one."""
    found = dict(seeds())
    assert len(found) == len(ALL_LEVELS) * len(SHAPES) + len(IMAGE_LEVELS) * len(IMAGES)
    for payload in found.values():
        decode(payload, LIMITS)
        check(payload)


@pytest.mark.usefixtures("traced")
def test_mutations_reach_behind_the_checksum() -> None:
    """Most mutants have the right checksum, a fair share still decodes, and none breaks what must hold."""
    said: list[str] = []
    for seed, (_, payload) in enumerate(seeds()):
        mutant = mutate(payload, LIMITS.max_bytes, seed, _change)
        assert len(mutant) <= LIMITS.max_bytes
        check(mutant)
        said.append(_outcome(mutant))
    assert sum("checksum" in one for one in said) < 0.15 * len(said)
    assert said.count("") > 0.1 * len(said)


def _outcome(payload: bytes) -> str:
    try:
        decode(payload, LIMITS)
    except CodecError as error:
        return error.message
    return ""


@pytest.mark.usefixtures("traced")
def test_too_much_memory_is_a_finding() -> None:
    """A payload that takes more than is promised fails the check."""
    with pytest.raises(AssertionError, match="bytes of memory"):
        check(dict(seeds())["rans-4-8"], memory=1000)


def test_a_summary_says_what_was_found() -> None:
    """Executions, edges, and either that nothing was found or the exception and its input."""
    log = "#12\tINITED cov: 14 ft: 20\n#5000\tDONE   cov: 149 ft: 300\n"
    text = summary(log, 0, 2.0)
    assert "5000 executions in 2 s, 2500 exec/s; 149 coverage edges" in text
    assert "found: nothing" in text
    raised = "\n === Uncaught Python exception: ===\nKeyError: 3\nTraceback (most recent call last):\n  File x\n"
    text = summary(log + raised + "artifact_prefix='a/'; Test unit written to a/crash-1\n", 77, 2.0)
    assert "FOUND: KeyError: 3" in text
    assert "input: a/crash-1" in text
    assert "FOUND" not in summary("no such option", 1, 1.0)

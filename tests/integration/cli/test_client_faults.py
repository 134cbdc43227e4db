"""The client against a server that fails, forgets and comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from common.errors import Conflict, DeadlineExceeded, NotFound, OutOfRange, ResourceExhausted, Unavailable
from protos.sliceplane.model.v1 import model_pb2
from protos.sliceplane.type.v1 import type_pb2
from protos.sliceplane.workload.v1 import workload_pb2 as pb
from sliceplane import Client, Limits, Workload, WorkloadSpec
from tests.fakes.api_server import serving
from tests.fakes.api_state import ApiState

QUICK = Limits(call_s=2.0, patience_s=1.5, watch_patience_s=3.0)
ONE = Workload("w", WorkloadSpec("m", rate=5, slo_ms=100))


@pytest.fixture
def client(fake: str, api: ApiState) -> Iterator[Client]:
    api.models["m"] = model_pb2.Model(name="m")
    with Client(fake, limits=QUICK) as client:
        yield client


def away() -> Unavailable:
    return Unavailable("starting")


def stored(name: str, *, rate: float = 5, ready: bool = False) -> pb.Workload:
    status = pb.WorkloadStatus(observed_generation=1)
    if ready:
        status.conditions.add(type="Ready", status=type_pb2.CONDITION_STATUS_TRUE)
    return pb.Workload(name=name, spec=pb.WorkloadSpec(model="m", rate=rate), generation=1, status=status)


def later(act: Callable[[], None], delay_s: float = 0.3) -> threading.Timer:
    timer = threading.Timer(delay_s, act)
    timer.start()
    return timer


def test_a_mutation_is_tried_again_with_the_same_request_id(client: Client, api: ApiState) -> None:
    """Two UNAVAILABLE answers are overcome, and all three requests bear one id."""
    api.faults["ApplyWorkload"] = [away(), away()]
    assert client.apply(ONE).outcome == "created"
    ids = {request.request_id for request in api.requests["ApplyWorkload"]}
    assert (len(api.requests["ApplyWorkload"]), len(ids)) == (3, 1)


def test_patience_ends(client: Client, api: ApiState) -> None:
    """A server that stays UNAVAILABLE is given up on within the patience, with the server's own words."""
    api.faults["GetWorkload"] = [away() for _ in range(100)]
    began = time.monotonic()
    with pytest.raises(Unavailable, match="starting"):
        client.get("w")
    assert time.monotonic() - began < QUICK.patience_s + 1


def test_nobody_there_is_told_with_the_address() -> None:
    """A port that nobody listens on is Unavailable, naming it, within the patience."""
    with serving(ApiState()) as address:
        pass
    with Client(address, limits=QUICK) as client, pytest.raises(Unavailable, match=f"cannot reach {address}"):
        client.list()


def test_a_server_that_restarts_is_waited_for(api: ApiState) -> None:
    """A call made while the server is away is answered once it is back on its port."""
    api.put(stored("w"))
    with serving(api) as address:
        pass
    back: list[object] = []

    def restart() -> None:
        with serving(api, address):
            back.append(True)
            time.sleep(2)

    timer = later(restart)
    with Client(address, limits=Limits(patience_s=5)) as client:
        assert client.get("w").name == "w"
    timer.join()
    assert back


@pytest.mark.parametrize("error", [NotFound("model", "m"), Conflict("raced"), ResourceExhausted("full")])
def test_refusals_are_not_tried_again(client: Client, api: ApiState, error: Exception) -> None:
    """An answer other than UNAVAILABLE is raised at once, as the error of its kind."""
    api.faults["ApplyWorkload"] = [error]  # type: ignore[list-item]
    with pytest.raises(type(error), match=str(error)):
        client.apply(ONE)
    assert len(api.requests["ApplyWorkload"]) == 1


def test_lists_are_read_to_the_last_page(client: Client, api: ApiState) -> None:
    """Five workloads over three pages arrive in order."""
    for name in "edcba":
        api.put(stored(name))
    assert [workload.name for workload in client.list()] == list("abcde")


def test_a_watch_goes_on_where_it_broke(client: Client, api: ApiState) -> None:
    """After UNAVAILABLE the watch resumes from its revision: the change made meanwhile comes once, nothing twice."""
    api.put(stored("a"))
    with closing(client.watch()) as watch:
        assert [change.type for change in islice(watch, 2)] == ["updated", "bookmark"]
        api.faults["WatchWorkloads/tick"] = [away()]
        api.faults["WatchWorkloads"] = [away(), away()]
        later(lambda: api.put(stored("a", rate=9))).join()
        change = next(watch)
    assert change.value is not None
    assert (change.type, change.value.spec.rate) == ("updated", 9)
    assert {request.resume_revision for request in api.requests["WatchWorkloads"][1:]} == {1}


def test_a_watch_lists_anew_when_its_revision_is_gone(client: Client, api: ApiState) -> None:
    """After OUT_OF_RANGE everything comes again, and what vanished meanwhile is reported as deleted."""
    api.put(stored("a"))
    api.put(stored("b"))
    with closing(client.watch()) as watch:
        list(islice(watch, 3))
        api.workloads.pop("a")  # unseen: no change is logged
        api.revision = api.kept_from = 50
        api.faults["WatchWorkloads/tick"] = [away()]
        heard = [(change.type, change.value.name if change.value else "") for change in islice(watch, 3)]
    assert heard == [("updated", "b"), ("deleted", "a"), ("bookmark", "")]


def test_a_fresh_watch_that_is_out_of_range_is_an_error(client: Client, api: ApiState) -> None:
    """OUT_OF_RANGE on a watch from 0 has no cure and is raised."""
    api.faults["WatchWorkloads"] = [OutOfRange("broken")]
    with pytest.raises(OutOfRange):
        next(client.watch())


def test_events_are_all_heard_over_a_lost_revision(client: Client, api: ApiState) -> None:
    """Events that a watch could not resume over are read from the list, in order and once."""
    api.say("w", "Applied")
    with closing(client.watch_events()) as watch:
        later(lambda: api.say("w", "Planned")).join()
        assert next(watch).reason == "Planned"
        api.faults["WatchEvents/tick"] = [away()]
        api.say("w", "Ready")
        api.kept_from = api.revision
        later(lambda: api.say("w", "Scaled"), 0.8)
        assert [event.reason for event in islice(watch, 2)] == ["Ready", "Scaled"]


def test_wait_returns_when_the_last_is_ready(client: Client, api: ApiState) -> None:
    """wait_ready returns both workloads after the second became ready, and told what it waited for."""
    api.put(stored("a", ready=True))
    api.put(stored("b"))
    later(lambda: api.put(stored("b", ready=True)))
    seen: list[bool] = []
    ready = client.wait_ready(["a", "b"], 5, progress=lambda now: seen.append(now["b"].ready))
    assert [workload.name for workload in ready] == ["a", "b"]
    assert seen[0] is False
    assert seen[-1] is True


def test_wait_says_what_is_missing(client: Client, api: ApiState) -> None:
    """At the time-out the reason of the workload's condition is in the error."""
    waiting = stored("w")
    waiting.status.conditions.add(
        type="Planned", status=type_pb2.CONDITION_STATUS_FALSE, reason="NO_GPUS", message="needs 1 A100"
    )
    api.put(waiting)
    with pytest.raises(DeadlineExceeded, match="w: NO_GPUS: needs 1 A100"):
        client.wait_ready(["w"], 0.2)


def test_uploads_come_in_chunks_and_report_progress(client: Client, api: ApiState, tmp_path: Path) -> None:
    """A file of 2.5 MiB is sent as chunks of at most 1 MiB; progress ends at its size; a failed try is repeated."""
    file = tmp_path / "m.bin"
    file.write_bytes(bytes(range(256)) * 10240)
    done: list[tuple[int, int]] = []
    api.faults["UploadModel"] = [away()]
    pushed = client.push_model("m", file, progress=lambda sent, whole: done.append((sent, whole)))
    assert pushed.model.digest in api.files
    assert api.requests["UploadModel/chunks"] == [[1 << 20, 1 << 20, 1 << 19]]
    assert done[-1] == (file.stat().st_size, file.stat().st_size)


def test_a_download_that_is_not_its_digest_leaves_nothing(client: Client, api: ApiState, tmp_path: Path) -> None:
    """Bytes that do not fit their digest are refused, and neither the file nor a part of it is left."""
    api.models["m"] = model_pb2.Model(name="m", digest="sha256:" + "0" * 64)
    api.files["sha256:" + "0" * 64] = b"something else"
    with pytest.raises(Exception, match="pull again"):
        client.pull_model(tmp_path / "out", name="m")
    assert list(tmp_path.iterdir()) == []

"""The drawing of the attempts of a job."""
import pytest

from mapreduce.display.html import timeline
from tests.support.fake_manager import task
from tests.support.page_records import attempt, details

LOCAL = {"host": "localhost", "port": 6001}


def drawn(*tasks, seconds=10.0):
    """Return the drawing of a job."""
    return timeline.timeline(details(
        tasks=tasks, seconds=seconds, state="map"))


def bars_of(lane):
    """Return what is drawn of each bar."""
    return [(bar.left, bar.width, bar.kinds) for bar in lane.bars]


def test_single_attempts_are_drawn():
    """Also the one that still runs, up to now."""
    found = drawn(
        task("map", 0, "done", started=0.0, seconds=4.0),
        task("reduce", 0, "running", started=5.0, seconds=5.0),
        task("reduce", 1, "waiting", started=None, worker=None))
    [lane] = found.lanes
    assert bars_of(lane) == [
        (0.0, 40.0, ("map", "done")), (50.0, 50.0, ("reduce", "running"))]
    assert [bar.title for bar in lane.bars] == [
        "map 0: done, 4.0 s", "reduce 0: running, 5.0 s"]
    assert (lane.name, lane.summary) == (
        "localhost:6001", "1 map attempt, 1 reduce attempt; 1 running")


def test_each_attempt_is_in_the_lane_of_its_worker():
    found = drawn(task("map", 0, "done", attempts=3, started=6.0, history=[
        attempt("failed", 1.0, 2.0), attempt("lost", 2.0, 6.0, port=6002),
        attempt("done", 6.0, 9.0, speculative=True)]))
    assert [(lane.name, bars_of(lane)) for lane in found.lanes] == [
        ("localhost:6001", [(10.0, 10.0, ("map", "failed")),
                            (60.0, 30.0, ("map", "done", "speculative"))]),
        ("localhost:6002", [(20.0, 40.0, ("map", "lost"))])]
    assert found.kinds == (
        ("map", "done", "speculative"), ("map", "failed"), ("map", "lost"))
    assert (found.num_attempts, found.is_merged) == (3, False)


def test_short_attempt_can_be_seen():
    """Also at the very end."""
    [lane] = drawn(task("map", 0, "done", started=10.0, seconds=0.0)).lanes
    assert bars_of(lane) == [(99.85, 0.15, ("map", "done"))]


def test_job_without_attempts_has_no_drawing():
    assert drawn() is None
    assert drawn(task("map", 0, "waiting", worker=None, started=None)) is None


@pytest.mark.parametrize("workers", [1, 3, 40, 150])
def test_drawing_is_never_large(workers):
    """However many attempts there are, and whatever became of them."""
    found = drawn(*(task(
        "map", number, "done", started=number / 100, history=[
            attempt("failed" if number % 3 else "lost", number / 100,
                    number / 100 + 0.5, port=1 + number % workers),
            attempt("done", number / 100 + 1, number / 100 + 2,
                    port=1 + number % workers)])
                    for number in range(10_000)), seconds=110.0)
    num_bars = sum(len(lane.bars) for lane in found.lanes)
    assert (2 * num_bars + timeline.LANE_ELEMENTS * len(found.lanes)
            + timeline.OTHER_ELEMENTS) <= timeline.MAX_ELEMENTS
    assert found.num_left_out == max(0, workers - timeline.MAX_LANES)
    assert found.is_merged
    states = {bar.kinds[1] for lane in found.lanes for bar in lane.bars}
    assert {"done", "failed"} <= states


def test_rare_failure_is_seen_among_thousands():
    tasks = [task("map", number, "done", started=number / 100, seconds=0.01)
             for number in range(10_000)]
    tasks[5_000]["history"] = [attempt("failed", 50.0, 50.01)]
    [lane] = drawn(*tasks, seconds=100.0).lanes
    assert bars_of(lane) == [
        (0.0, 100.0, ("map", "done")), (50.0, 0.15, ("map", "failed"))]
    assert lane.summary == "10000 map attempts; 1 failed"


@pytest.mark.parametrize("seconds, labels", [
    (0.5, ["0.0 s", "0.1 s", "0.2 s", "0.3 s", "0.4 s", "0.5 s"]),
    (11.0, ["0 s", "2 s", "4 s", "6 s", "8 s", "10 s"]),
    (150.0, ["0:00", "0:30", "1:00", "1:30", "2:00", "2:30"]),
    (7300.0, ["0:00:00", "0:30:00", "1:00:00", "1:30:00", "2:00:00"]),
])
def test_axis_has_round_times(seconds, labels):
    found = drawn(task("map", 0, "done", started=0.0), seconds=seconds)
    assert [tick.label for tick in found.ticks] == labels
    assert found.ticks[0].left == 0
    assert found.ticks[-1].left <= 100

"""The sums and the reports of the benchmark."""
import itertools
import json
import os
import xml.etree.ElementTree as ET

import pytest

from tests.benchmark import chart, report, results, scheduler


@pytest.fixture(name="outcome")
def _outcome():
    """Made-up runs of four contenders."""
    def figures(name, *walls, **fields):
        return results.Figures(
            name, [results.Run(wall, 2 * wall) for wall in walls], **fields)

    ours = results.Figures(results.OURS, [
        results.Run(5.0, 8.0, 0.5), results.Run(4.0, 7.0, 0.25),
        results.Run(9.0, 9.0, 0.75)], 73_000_000, 21_000_000)
    return results.Outcome("count <words> & more", "9 lines, 0.1 MB", [
        ours, figures(results.PIPELINE, 10.0, 11.0, 2.5),
        figures(results.BY_HAND[0], 8.0, 8.0, 8.0, memory=5_400_000),
        figures(results.BY_HAND[1], 4.0, 4.0, 4.0),
        results.Figures("unmeasured", [results.Run(50.0, None)] * 3)])


def test_medians(outcome):
    ours = outcome.figures[0]
    assert (ours.wall, ours.cpu, ours.cluster_start, ours.wall_with_start
            ) == (5.0, 8.0, 0.5, 5.5)
    assert outcome.figures[4].cpu is None


def test_ratios_and_shares(outcome):
    assert outcome.ratios() == {
        "mapreduce": 1.0, "plain pipeline": 2.0, "by hand: partition": 1.6,
        "by hand: sort -m": 0.8, "unmeasured": 10.0}
    assert outcome.shares() == {
        "plain pipeline": 0.5, "better form by hand": 1.25}


def test_ratios_without_ours(outcome):
    others = results.Outcome("case", "corpus", outcome.figures[1:])
    assert (others.ratios(), others.shares()) == ({}, {})


def test_table(outcome):
    assert report.table(outcome) == """\
count <words> & more (9 lines, 0.1 MB)

contender           wall s      min – max  CPU s  memory MB  theirs / ours
mapreduce             5.00    4.00 – 9.00    8.0         73           1.00
plain pipeline       10.00   2.50 – 11.00   20.0          -           2.00
by hand: partition    8.00    8.00 – 8.00   16.0          5           1.60
by hand: sort -m      4.00    4.00 – 4.00    8.0          -           0.80
unmeasured           50.00  50.00 – 50.00      -          -          10.00

mapreduce: the start of the cluster took 0.50 s more, 5.50 s in all
mapreduce: a Worker process had up to 21 MB
mapreduce takes 0.50 of the time of the plain pipeline
mapreduce takes 1.25 of the time of the better form by hand
"""


def test_json(outcome):
    document = json.loads(json.dumps(report.document([outcome], 0.5, 3)))
    assert set(document) == {"date", "machine", "scale", "rounds", "cases"}
    assert (document["scale"], document["rounds"]) == (0.5, 3)
    assert document["machine"]["cores"] == os.cpu_count()
    [case] = document["cases"]
    assert case["case"] == outcome.case
    assert case["shares"] == outcome.shares()
    assert case["contenders"][0] == {
        "contender": "mapreduce",
        "runs": [{"wall": 5.0, "cpu": 8.0, "cluster_start": 0.5},
                 {"wall": 4.0, "cpu": 7.0, "cluster_start": 0.25},
                 {"wall": 9.0, "cpu": 9.0, "cluster_start": 0.75}],
        "wall": 5.0, "wall_min": 4.0, "wall_max": 9.0, "cpu": 8.0,
        "cluster_start": 0.5, "wall_with_start": 5.5, "memory": 73_000_000,
        "worker_memory": 21_000_000, "ratio": 1.0}
    assert [its["ratio"] for its in case["contenders"]] == [
        1.0, 2.0, 1.6, 0.8, 10.0]


def test_svg(outcome):
    root = ET.fromstring(chart.draw([outcome, outcome], "on <2> cores"))
    texts = [element.text for element in root.iter()
             if element.tag.endswith("text")]
    assert texts[1] == "on <2> cores"
    assert texts[2:] == [outcome.case, outcome.corpus, *itertools.chain(*(
        (its.contender, f"{its.wall:.2f} s") for its in outcome.figures))] * 2
    width, height = float(root.get("width")), float(root.get("height"))
    for box in root.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, w, h = (float(box.get(name))
                      for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height


def test_scheduler_counts_events():
    """Registrations, job, messages sent, results, heartbeats and ticks."""
    drive = scheduler.drive(num_tasks=10, num_workers=3)
    seconds = 4  # 3 + 3 + 3 map tasks, then 1 reduce task
    assert drive.events == (
        3 + 3  # registrations and their acknowledgements
        + 2  # the job and its preparation
        + 10 + 10  # tasks sent and finished
        + 2  # looks at the files of each stage
        + 3 * seconds + seconds)

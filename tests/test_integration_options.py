"""Whole jobs with options, by processes that are real, beside pipelines."""
import gzip
import os
import subprocess

import pytest

from tests.cluster import Cluster, in_order
from tests.stages import EXECUTABLES, TESTDATA, write_files

INPUT = TESTDATA / "input"
LARGE = TESTDATA / "input_large"
MAPPER = f"{EXECUTABLES}/wc_map.sh"
REDUCER = f"{EXECUTABLES}/wc_reduce.sh"


@pytest.fixture(name="pair", scope="module")
def _pair(tmp_path_factory):
    """A Manager and two Workers, which all jobs here share."""
    with Cluster(tmp_path_factory.mktemp("pair") / "cluster") as cluster:
        cluster.start(2)
        yield cluster


@pytest.fixture(name="run")
def make_run(pair, tmp_path):
    """Return a function: run a job with options, return its result."""
    def run(num_reducers=2, num_parts=None, **options):
        output = tmp_path / "output"
        pair.send({
            "message_type": "new_extended_job", "input_paths": [str(INPUT)],
            "output_directory": str(output), "mapper_executable": MAPPER,
            "num_reducers": num_reducers, "reducer_executable": REDUCER,
            "environment": {}, "max_mappers": 16, **options})
        pair.wait_for_parts(output, num_parts or num_reducers)
        return pair.result(output)
    return run


def pipe(command, **names):
    """Return what a pipeline of a shell prints."""
    return subprocess.run(
        ["sh", "-c", command], stdout=subprocess.PIPE, check=True,
        env={**os.environ, "LC_ALL": "C", **names}).stdout


def test_files_in_ranges_make_the_result_of_the_pipeline(pair, run):
    """Two files go to sixteen tasks."""
    result = run(input_paths=[f"{LARGE}/file0[12]"], split_size=20_000,
                 mapper_executable="tr -s ' ' '\\n'",
                 reducer_executable="uniq -c", num_reducers=3)
    assert in_order(result) == in_order(pipe(
        f"cat {LARGE}/file01 {LARGE}/file02 | tr -s ' ' '\\n' | sort "
        "| uniq -c"))
    assert pair.manager.says("ExtendedMapTaskMessage(task_id=15,")


def test_compressed_files_are_those_that_zcat_prints(tmp_path, run):
    (tmp_path / "input").mkdir()
    for path in INPUT.iterdir():
        (tmp_path / "input" / f"{path.name}.gz").write_bytes(
            gzip.compress(path.read_bytes()))
    result = run(input_paths=[f"{tmp_path}/input"], decompress=True)
    assert in_order(result) == in_order(pipe(
        f"zcat '{tmp_path}'/input/* | {MAPPER} | sort | {REDUCER}"))


@pytest.mark.parametrize("num_reducers", [1, 3])
def test_combiner_changes_nothing_in_the_result(run, num_reducers):
    result = run(num_reducers, combiner=REDUCER)
    assert in_order(result) == in_order(pipe(
        f"cat {INPUT}/* | {MAPPER} | sort | {REDUCER}"))


def test_parts_are_those_of_the_partitioner(tmp_path, run):
    run(num_reducers=3, split_size=1_000, reducer_executable="cat",
        partitioner="""sh -c 'exec awk "{print length % $0}"'""")
    for number in range(3):
        part = tmp_path / "output" / f"part-{number:05d}"
        assert part.read_bytes() == pipe(
            f"cat {INPUT}/* | {MAPPER} | awk 'length % 3 == {number}' | sort")


def test_map_output_alone_is_in_the_order_of_the_tasks(tmp_path, run):
    """A part for each task, as the mapper wrote it."""
    inputs = write_files(tmp_path / "input", b"z\na\n", b"y\n", b"x\nb\n")
    assert run(num_reducers=0, num_parts=3, input_paths=inputs,
               mapper_executable="tr a-z A-Z") == b"Z\nA\nY\nX\nB\n"

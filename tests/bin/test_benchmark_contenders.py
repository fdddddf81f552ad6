"""The contenders of the benchmark: their results, and their failures."""
import os
import subprocess
import sys
import threading

import pytest

from tests.benchmark import cluster, contenders, corpora, measuring
from tests.benchmark.cases import CASES, CAT, MORE_CASES, Job
from tests.benchmark.measuring import BenchmarkError
from tests.benchmark.rounds import Rounds, digest
from tests.support.benchmarking import SCALE
from tests.support.cluster import pipeline
from tests.support.files import in_order, write_executable
from tests.support.waiting import wait_until

# Runs


def run_case(tmp_path, case, chosen):
    """Run a case once on a tiny corpus; return the outcome."""
    corpus = case.make_corpus(tmp_path / "corpora", SCALE)
    return Rounds(case, corpus, tmp_path, lambda _: None).run(chosen, 1)


def test_contenders_have_equal_results(tmp_path):
    """The rounds compare them; here, one is compared with a known one."""
    case = next(case for case in MORE_CASES if case.name == "awk and awk")
    outcome = run_case(tmp_path, case, contenders.BUILT_IN)
    assert [its.contender for its in outcome.figures] == [
        "mapreduce", "mapreduce, Python loops", "plain pipeline",
        "by hand: partition", "by hand: sort -m"]
    for its in outcome.figures:
        assert its.wall > 0
        assert its.cpu is not None and its.cpu >= 0
    ours = outcome.figures[0]
    assert ours.cluster_start > 0
    if measuring.can_sample():
        assert ours.memory > ours.worker_memory > 2**20
    assert [path.name for path in tmp_path.iterdir()] == ["corpora"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_result_of_the_pipeline_is_right(tmp_path, case):
    corpus = case.make_corpus(tmp_path / "corpora", SCALE)
    job = Job(corpus.directory, case.mapper, case.reducer, tmp_path)
    contenders.PIPELINE.run(job, measuring.ignore)
    assert in_order((job.output / "part-00000").read_bytes()) == in_order(
        pipeline(corpus.directory, case.mapper, case.reducer))


def test_digest_is_that_of_lines_in_any_order(tmp_path):
    digests = []
    for number, parts in enumerate([
            ["a\nb\n", "c\n"], ["c\nb\n", "a\n"], ["a\nb\n", "d\n"]]):
        job = Job(tmp_path, CAT, CAT, tmp_path / str(number))
        job.output.mkdir(parents=True)
        for part, content in enumerate(parts):
            (job.output / f"part-{part:05d}").write_text(content)
        digests.append(digest(job))
    assert digests[0] == digests[1] != digests[2]


def contender_of(tmp_path, *lines):
    """Return a contender that is a shell script in the job's directory."""
    script = write_executable(tmp_path / "contender", *lines)
    return contenders.Command("broken", lambda _: [script])


def test_wrong_result_is_found(tmp_path):
    broken = contender_of(
        tmp_path, "mkdir output", "echo wrong > output/part-00000")
    with pytest.raises(BenchmarkError) as error:
        run_case(tmp_path, CASES[0], [contenders.PIPELINE, broken])
    assert error.value.message == (
        "identity: the result of broken is not that of plain pipeline")
    assert error.value.exit_code == 1
    assert not (tmp_path / "run").exists()


def test_contender_without_a_result(tmp_path):
    with pytest.raises(BenchmarkError, match="it left no result"):
        run_case(tmp_path, CASES[0], [contender_of(tmp_path, "true")])


def test_contender_that_fails(tmp_path):
    broken = contender_of(tmp_path, "echo no room >&2", "exit 3")
    with pytest.raises(BenchmarkError) as error:
        run_case(tmp_path, CASES[0], [broken])
    assert error.value.message == "broken: contender exited 3: no room"


def test_job_of_ours_that_fails(tmp_path):
    """The Manager's reason is the error; nobody waits for ever."""
    mapper = write_executable(tmp_path / "mapper", "exit 4")
    job = Job(corpora.records(tmp_path, SCALE).directory, mapper, CAT,
              tmp_path / "job", num_mappers=1, num_reducers=1)
    job.directory.mkdir()
    with pytest.raises(BenchmarkError, match="Job 0 failed: .* exited 4"):
        cluster.MapReduce().run(job, measuring.ignore)


def test_environment_of_programs(tmp_path, monkeypatch):
    """What slows Python down doesn't reach them."""
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    with measuring.running(["env"], tmp_path, subprocess.PIPE) as process:
        names = {line.partition(b"=")[0] for line in process.stdout}
    assert b"PYTHONUNBUFFERED" not in names
    assert b"TMPDIR" in names


def test_process_that_has_ended_may_be_told_to_end(tmp_path):
    with measuring.running(
            ["sleep", "0"], tmp_path, end=measuring.terminate) as process:
        assert wait_until(lambda: measuring.has_ended(process))
    assert process.returncode == 0


def test_what_a_command_leaves_behind_is_killed(tmp_path):
    """Its process has the other end of the pipe no more."""
    read, write = os.pipe()
    with open(read, "rb") as end:
        with open(write, "wb") as file, measuring.running(
                ["sh", "-c", "sleep 600 &"], tmp_path, file) as process:
            measuring.wait(process)
        assert end.read() == b""
    assert process.returncode == 0


def test_memory_of_descendants_in_other_sessions(tmp_path):
    """Who makes a session of its own, and loses its parent, counts, too."""
    if not measuring.can_sample():
        pytest.skip("this system does not show the memory of processes")
    program = (
        "import subprocess, sys;"
        "subprocess.Popen([sys.executable, '-c', 'import os, sys, time\\n"
        "b = bytes(60_000_000).replace(bytes(1), b\"x\")\\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.01)',"
        "sys.argv[1]], start_new_session=True).wait()")
    seen = tmp_path / "seen"

    def tell_when_seen():
        wait_until(lambda: sampler.peak > 60_000_000)
        seen.touch()

    with measuring.Sampler() as sampler:
        thread = threading.Thread(target=tell_when_seen)
        thread.start()
        measuring.run([sys.executable, "-c", program, str(seen)], tmp_path,
                      sampler.watch)
        thread.join()
    assert sampler.peak > 60_000_000

"""The benchmark: its corpora, its sums, its reports, and a tiny run of it."""
import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET

import click.testing
import pytest

from tests.benchmark import (
    __main__ as command,
)
from tests.benchmark import (
    chart,
    cluster,
    contenders,
    corpora,
    measuring,
    peers,
    report,
    results,
    scheduler,
)
from tests.benchmark.cases import CASES, CAT, Job
from tests.benchmark.measuring import BenchmarkError
from tests.benchmark.rounds import Rounds, digest
from tests.cluster import ROOT, in_order, pipeline, wait_until
from tests.stages import write_executable

SCALE = 0.001


@pytest.fixture(autouse=True)
def _small_vocabulary(monkeypatch):
    """Make the corpora of text quickly."""
    monkeypatch.setattr(corpora, "VOCABULARY_SIZE", 20_000)


def lines_of(corpus):
    """Return the lines of a corpus, file by file."""
    return [path.read_text("ascii").splitlines(keepends=True)
            for path in sorted(corpus.directory.iterdir())]


def content_of(corpus):
    """Return the bytes of a corpus, file by file."""
    return [path.read_bytes() for path in sorted(corpus.directory.iterdir())]


# Corpora


@pytest.mark.parametrize("make", [corpora.text, corpora.records])
def test_corpus_is_the_same_for_the_same_seed(tmp_path, make):
    one, same, other, larger = (
        content_of(make(tmp_path / name, scale, seed))
        for name, scale, seed in [("one", SCALE, 1), ("same", SCALE, 1),
                                  ("other", SCALE, 2), ("one", 2 * SCALE, 1)])
    assert one == same
    assert one != other
    assert sum(map(len, one)) < sum(map(len, larger))


@pytest.mark.parametrize("make", [corpora.text, corpora.records])
def test_corpus_is_made_once(tmp_path, make):
    corpus = make(tmp_path, SCALE)
    (corpus.directory / "0000").write_text("kept\n")
    assert make(tmp_path, SCALE) == corpora.Corpus(
        corpus.directory, make(tmp_path, SCALE).description)
    assert lines_of(corpus)[0] == ["kept\n"]
    assert len(list(tmp_path.iterdir())) == 1


def test_corpus_that_is_interrupted_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, "_records", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        corpora.records(tmp_path, SCALE)
    assert not list(tmp_path.iterdir())


def test_records_have_different_keys_and_one_length(tmp_path):
    files = lines_of(corpora.records(tmp_path, SCALE))
    assert [len(lines) for lines in files] == [5000 // 8] * 8
    lines = list(itertools.chain(*files))
    assert all(re.fullmatch("[0-9a-f]{24}\t[0-9a-f]{31}\n", line)
               for line in lines)
    assert {len(line) for line in lines} == {57}
    assert len({line.partition("\t")[0] for line in lines}) == 5000


def test_text_is_of_few_frequent_words_and_many_rare_ones(tmp_path):
    files = lines_of(corpora.text(tmp_path, SCALE))
    assert [sum(len(line.split()) for line in lines) for lines in files
            ] == [7800 // 8] * 8
    words = " ".join(itertools.chain(*files)).split()
    counts = sorted(map(words.count, set(words)), reverse=True)
    assert 0.05 < counts[0] / len(words) < 0.11  # 1 / (ln 20,000 + 0.58)
    assert counts[len(counts) // 2] == 1
    assert all(word.isalpha() and word.islower() for word in words)
    assert 5.2 < sum(len(word) + 1 for word in words) / len(words) < 7
    lengths = [len(line.split()) for lines in files for line in lines[:-1]]
    assert (min(lengths), max(lengths)) == (6, 18)


# Sums and reports


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


# Runs


def run_case(tmp_path, case, chosen):
    """Run a case once on a tiny corpus; return the outcome."""
    corpus = case.make_corpus(tmp_path / "corpora", SCALE)
    return Rounds(case, corpus, tmp_path, lambda _: None).run(chosen, 1)


@pytest.mark.parametrize("case", CASES[:2], ids=lambda case: case.name)
def test_contenders_have_equal_results(tmp_path, case):
    """The rounds compare them; here, one is compared with a known one."""
    outcome = run_case(tmp_path, case, contenders.BUILT_IN)
    assert [its.contender for its in outcome.figures] == [
        "mapreduce", "plain pipeline", "by hand: partition",
        "by hand: sort -m"]
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


def test_job_of_ours_that_fails(tmp_path, monkeypatch):
    """The Manager's reason is the error; nobody waits for ever."""
    monkeypatch.setattr(cluster, "NUM_TASKS", 1)
    mapper = write_executable(tmp_path / "mapper", "exit 4")
    job = Job(corpora.records(tmp_path, SCALE).directory, mapper, CAT,
              tmp_path / "job")
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
                ["sh", "-c", "sleep 60 &"], tmp_path, file) as process:
            measuring.wait(process)
        assert end.read() == b""
    assert process.returncode == 0


def test_memory_of_descendants_in_other_sessions(tmp_path):
    """Who makes a session of its own, and loses its parent, counts, too."""
    if not measuring.can_sample():
        pytest.skip("this system does not show the memory of processes")
    program = (
        "import subprocess, sys, time;"
        "subprocess.Popen([sys.executable, '-c', 'import time;"
        "b = bytes(60_000_000).replace(bytes(1), b\"x\"); time.sleep(0.5)'],"
        "start_new_session=True).wait()")
    with measuring.Sampler() as sampler:
        measuring.run([sys.executable, "-c", program], tmp_path,
                      sampler.watch)
    assert sampler.peak > 60_000_000


def processes_with(text):
    """Return the command lines in which a text occurs."""
    found = []
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = file.read_bytes().decode(errors="replace")
            if text in line:
                found.append(line)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_everything(tmp_path, number):
    """The exit code tells of it; nothing runs on, nothing is left."""
    program = (
        "import pathlib, sys; from tests.benchmark import __main__ as command;"
        "command.WORK = pathlib.Path(sys.argv.pop(1)); command.main()")
    with subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "work"),
             "--scale", str(SCALE), "--rounds", "1000", "--case", "identity",
             "--contender", "mapreduce"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True) as process:
        log = tmp_path / "work/run/manager.log"
        assert wait_until(
            lambda: log.exists() and "Assigned task" in log.read_text())
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=15)
    assert (process.returncode, stdout) == (128 + number, "")
    assert "Traceback" not in stderr
    assert processes_with(str(tmp_path)) == []
    assert not (tmp_path / "work/run").exists()


# The command


@pytest.fixture(name="benchmark_command")
def _benchmark_command(tmp_path, monkeypatch):
    """Return a function: run the command, return its outcome."""
    monkeypatch.setattr(command, "WORK", tmp_path / "work")
    monkeypatch.setattr(command.signals, "exit_on_signals", lambda: None)
    monkeypatch.setenv("INVOKED_FROM", str(tmp_path))
    return lambda *arguments: click.testing.CliRunner().invoke(
        command.main, arguments)


def test_command_writes_a_table_json_and_svg(benchmark_command, tmp_path):
    """The directory is meant where the user is."""
    outcome = benchmark_command(
        "--scale", str(SCALE), "--rounds", "2", "--case", "identity",
        "--contender", "plain pipeline", "--contender", "by hand: sort -m",
        "--output", "out")
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stdout.startswith("identity (5,000 lines, 0.3 MB)\n")
    document = json.loads((tmp_path / "out/benchmark.json").read_text())
    assert [(its["contender"], len(its["runs"]))
            for its in document["cases"][0]["contenders"]] == [
        ("plain pipeline", 2), ("by hand: sort -m", 2)]
    ET.parse(tmp_path / "out/benchmark.svg")


def test_peer_that_is_not_to_be_had_is_left_out(
        benchmark_command, monkeypatch):
    """One line says so."""
    monkeypatch.setattr(command.peers, "contender", lambda *_: None)
    outcome = benchmark_command(
        "--scale", str(SCALE), "--rounds", "1", "--case", "identity",
        "--contender", "plain pipeline", "--contender", "madoop")
    assert outcome.exit_code == 0
    assert "madoop is left out: it can't be installed\n" in outcome.stderr


def test_peer_whose_program_is_missing(tmp_path):
    """Nothing is installed for it in vain."""
    peer = dataclasses.replace(peers.SPARK, program="no-such-program")
    assert peers.contender(peer, tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_one_benchmark_at_a_time(benchmark_command, tmp_path):
    with command._locked(tmp_path / "work"):
        outcome = benchmark_command("--scale", str(SCALE))
    assert outcome.exit_code == 1
    assert outcome.stderr == "Error: another benchmark runs here\n"


@pytest.mark.parametrize("arguments", [
    ["--case", "none"], ["--scale", "0"], ["--rounds", "0"],
    ["--contender", "Hadoop"]])
def test_wrong_options(benchmark_command, arguments):
    assert benchmark_command(*arguments).exit_code == 2


def test_scheduler_of_a_small_cluster(
        benchmark_command, monkeypatch, tmp_path):
    """Ten tasks on three Workers take four seconds, with the reduce task."""
    monkeypatch.setattr(scheduler, "SIZES", [10])
    monkeypatch.setattr(scheduler, "NUM_WORKERS", 3)
    monkeypatch.setattr(scheduler, "NUM_JOBS", 100)
    outcome = benchmark_command("--scheduler", "--output", "out")
    assert outcome.exit_code == 0, outcome.output
    document = json.loads((tmp_path / "out/scheduler.json").read_text())
    assert document["drives"][0]["tasks"] == 10
    assert document["queueing"]["jobs"] == 100
    assert document["queueing"]["bytes_a_job"] > 0


def test_scheduler_counts_events():
    """Registrations, job, messages sent, results, heartbeats and ticks."""
    drive = scheduler.drive(num_tasks=10, num_workers=3)
    seconds = 4  # 3 + 3 + 3 map tasks, then 1 reduce task
    assert drive.events == (
        3 + 3  # registrations and their acknowledgements
        + 2  # the job and its preparation
        + 10 + 10  # tasks sent and finished
        + 3 * seconds + seconds)

"""The options of a job: what submit sends and run starts for each."""
import importlib
import itertools
import os

import pytest
from click.testing import CliRunner

from mapreduce import run, submit
from mapreduce.protocol import codec
from tests.support import wire
from tests.support.clients import SUBMITTER
from tests.support.fake_manager import FakeManager, cluster, job
from tests.support.files import EXECUTABLES, ROOT, TESTDATA

INPUT = str(TESTDATA / "input")
MAPPER = str(EXECUTABLES / "wc_map.sh")
REDUCER = str(EXECUTABLES / "wc_reduce.sh")
TYPES = {"message_types": ["new_manager_job", "new_extended_job",
                           "new_extended_job.recursive"]}
# What mapreduce-submit sends for no option, if one of ours is there.
EXTENDED = {
    "message_type": "new_extended_job",
    "input_paths": ["tests/testdata/input"],
    "output_directory": "output",
    "mapper_executable": "tests/testdata/exec/wc_map.sh",
    "reducer_executable": "tests/testdata/exec/wc_reduce.sh",
    "num_mappers": 2,
    "num_reducers": 2,
    "submitted_by": SUBMITTER,
}

OPTIONS = [
    (["-i", "a", "-i", "b/*.gz"], {"input_paths": ["a", "b/*.gz"]}),
    (["-i", "a", "b", "c"], {"input_paths": ["a", "b", "c"]}),
    (["-i", "a", "b", "--name", "n", "--input=c", "d", "-ie", "-i", "f"],
     {"input_paths": list("abcdef"), "job_name": "n"}),
    (["--decompress"], {"decompress": True}),
    (["--split-size", "64M"], {"split_size": 2**26}),
    (["--split-size", "1"], {"split_size": 1}),
    (["--split-size", "3k"], {"split_size": 3 * 2**10}),
    (["--split-size", "2G"], {"split_size": 2 * 2**30}),
    (["--split-size", "1T"], {"split_size": 2**40}),
    (["--combiner", "uniq -c"], {"combiner": "uniq -c"}),
    (["--partitioner", "./part"], {"partitioner": "./part"}),
    (["--cmdenv", "A=1", "--cmdenv", "B=x=y", "--cmdenv", "C="],
     {"environment": {"A": "1", "B": "x=y", "C": ""}}),
    (["--recursive"], {"recursive": True}),
    (["--no-clobber"], {"no_clobber": True}),
    (["--max-attempts", "1"],
     {"max_map_attempts": 1, "max_reduce_attempts": 1}),
    (["--task-timeout", "2.5"], {"task_timeout": 2.5}),
    (["--keep-intermediate", "kept"], {"keep_intermediate": "kept"}),
    (["-m", "python3 map.py --lower"],
     {"mapper_executable": "python3 map.py --lower", "environment": {}}),
    (["-r", "uniq -c", "--cmdenv", "A=1"],
     {"reducer_executable": "uniq -c", "environment": {"A": "1"}}),
    (["--nreducers", "0"],
     {"num_reducers": 0, "reducer_executable": None, "num_mappers": None,
      "max_mappers": 100_000}),
    (["--nreducers", "0", "--name", "n"],
     {"num_reducers": 0, "reducer_executable": None, "num_mappers": None,
      "max_mappers": 100_000, "job_name": "n"}),
]


def start(main, *options):
    """Run a client in this process."""
    outcome = CliRunner().invoke(main, options)
    assert outcome.exception is None or isinstance(
        outcome.exception, SystemExit), outcome.exception
    return outcome.exit_code, outcome.stdout, outcome.stderr


def without_none(fields):
    """Return the fields that are on the wire."""
    return {name: value for name, value in fields.items()
            if value is not None}


@pytest.mark.parametrize("options, fields", OPTIONS, ids=str)
def test_submit_says_it_to_a_manager_that_knows(options, fields):
    """In a message of its own, and after a question."""
    with FakeManager(TYPES) as manager:
        code, stdout, stderr = start(
            submit.main, "-p", str(manager.port), *options)
        manager.wait_for("new_extended_job")
    assert (code, stderr) == (0, "")
    assert stdout.startswith(
        f"Submitted job to Manager localhost:{manager.port}\n")
    assert manager.heard == [
        {"message_type": "get_message_types"},
        without_none({**EXTENDED, **fields})]


@pytest.mark.parametrize("options", [
    ["--no-decompress"], ["--split-size", "0"], ["--split-size", "0G"],
    ["--task-timeout", "0"], ["-r", "tests/testdata/exec/wc_reduce.sh"],
    ["-i", "tests/testdata/input"],
], ids=str)
def test_what_changes_nothing_is_not_said(sockets, options):
    """The message is that of the specification; nobody is asked."""
    assert start(submit.main, *options)[0] == 0
    assert sockets.sent == [("localhost", 6000, wire.job("output"))]


@pytest.mark.parametrize("options, fields", [
    (["-i", "books/*.txt"], {"input_directory": "books/*.txt"}),
    (["-m", "it's"], {"mapper_executable": "it's"}),
    (["-r", " "], {"reducer_executable": " "}),
], ids=str)
def test_what_the_manager_has_to_judge_is_left_to_it(sockets, options, fields):
    """One input may be anything; so may what can't be split into words."""
    assert start(submit.main, *options)[0] == 0
    assert sockets.sent == [("localhost", 6000, wire.job("output", **fields))]


def test_file_with_a_space_in_its_name_is_no_command(
        sockets, tmp_path, monkeypatch):
    """As it was before commands had arguments."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my mapper").touch()
    assert start(submit.main, "-m", "my mapper")[0] == 0
    assert sockets.sent == [("localhost", 6000, wire.job(
        "output", mapper_executable="my mapper"))]


def test_summary_of_a_job_without_reducers():
    """It tells of what there is."""
    with FakeManager(TYPES) as manager:
        _, stdout, _ = start(
            submit.main, "-p", str(manager.port), "--nreducers", "0",
            "-i", "a", "-i", "b")
    assert stdout == (
        f"Submitted job to Manager localhost:{manager.port}\n"
        "input directory      a, b\n"
        "output directory     output\n"
        "mapper executable    tests/testdata/exec/wc_map.sh\n"
        "num reducers         0\n")


@pytest.mark.parametrize("answer", [
    b"", b"{", {}, {"message_types": 3}, {"message_types": []},
    {"message_types": ["new_manager_job"]},
], ids=str)
@pytest.mark.parametrize("wait", [[], ["--wait"]])
def test_manager_that_does_not_know_the_options(answer, wait):
    """Nothing is sent to it."""
    with FakeManager(answer) as manager:
        assert start(submit.main, "-p", str(manager.port), "--no-clobber",
                     *wait) == (3, "", (
                         f"Error: Manager localhost:{manager.port} does not "
                         "know these options, or commands with arguments, so "
                         "the job was not submitted: what listens there is an "
                         "older version, another program, or busy\n"))
    assert manager.types() == ["get_message_types"]


COUNTERS = [{"group": "words", "name": "long", "amount": 7}]
TABLE = ("GROUP  COUNTER  AMOUNT\n"
         "words  long     7\n")


@pytest.mark.parametrize("state, code, last", [
    ("done", 0, "job 3: done in 1.5 s; the result is in /cluster/out\n"),
    ("failed", 1, "Error: job 3 failed\n"),
])
def test_wait_shows_counters(mocker, state, code, last):
    """Before the line on how the job ended."""
    mocker.patch("mapreduce.client.progress.POLL_INTERVAL", 0.001)
    with FakeManager(
            TYPES, cluster(),
            lambda question: cluster(job(state, key=question["job_key"])),
            {"job": job(state), "tasks": [], "counters": COUNTERS}
    ) as manager:
        outcome = start(submit.main, "-p", str(manager.port), "--wait",
                        "--cmdenv", "A=1")
    assert (outcome[0], outcome[2]) == (code, TABLE + last)
    assert manager.types() == [
        "get_message_types", "get_status", "new_extended_job", "get_status",
        "get_job"]


@pytest.mark.parametrize("options, error", [
    (["-i", "-"], "a Manager can't read this standard input; "
     "mapreduce-run -i - can"),
    (["--nreducers", "0", "-r", "cat"],
     "a job with 0 reduce tasks has no use for --reducer"),
    (["--nreducers", "0", "--combiner", "cat"],
     "a job with 0 reduce tasks has no use for --combiner"),
    (["--nreducers", "0", "--partitioner", "cat"], "--partitioner"),
    (["--nreducers", "0", "--keep-intermediate", "kept"],
     "--keep-intermediate"),
    (["--overwrite"], "--overwrite is for --keep-old"),
    (["--split-size", "64X"], "'64X' is no size such as 64M"),
    (["--split-size", "-1"], "'-1' is no size"),
    (["--cmdenv", "A"], "'A' is not NAME=VALUE"),
    (["--cmdenv", "=1"], "'=1' is not NAME=VALUE"),
    (["--cmdenv", "==1"], "'==1' is not NAME=VALUE"),
    (["--task-timeout", "1e12"], "'1e12' is no number of seconds from 0 to "
     "1000000000"),
    (["-m", "a", "b", "c"], "unexpected extra arguments (b c); quote a "
     "command with its arguments"),
    (["-m", "cat | grep x"], "the mapper 'cat | grep x' has '|', but no "
     "shell runs it; for a shell: -m \"sh -c 'cat | grep x'\""),
    (["-o", "-"], "a Manager can't print on this standard output; "
     "mapreduce-run -o - can"),
    (["--max-attempts", "0"], "--max-attempts"),
    (["--task-timeout", "-1"], "--task-timeout"),
    (["--task-timeout", "inf"], "--task-timeout"),
    (["--task-timeout", "nan"], "--task-timeout"),
    (["--name", 256 * "x"], "--name"),
    (["--split-size", "9999999999T"], "--split-size"),
    (["--combiner", ""], "the name of the combiner is empty"),
    (["-i", "a", "-i", ""], "the name of the input directory is empty"),
], ids=str)
def test_wrong_use(sockets, options, error):
    """One line says why; nothing is sent."""
    code, stdout, stderr = start(submit.main, *options)
    assert (code, stdout) == (2, "")
    assert error in stderr.splitlines()[-1]
    assert stderr.splitlines()[-1].startswith("Error: ")
    assert sockets.sent == []


@pytest.fixture(name="planned")
def _planned(mocker):
    """Return a function: the document of the job that run would start."""
    do = mocker.patch.object(
        importlib.import_module("mapreduce.engines.local"), "_do")

    def planned(*options, **streams):
        do.reset_mock()
        outcome = CliRunner().invoke(run.main, [
            "-o", "output", "-m", MAPPER, "--workers", "3", *options],
            **streams)
        assert outcome.exit_code == 0, outcome.stderr
        document = codec.to_document(do.call_args.args[0])
        del document["job_key"], document["submitted_by"]
        return document
    return planned


def test_run_plans_for_its_workers(planned):
    """A map task a file, a few reduce tasks; inputs are decompressed."""
    assert planned("-i", INPUT, "-r", REDUCER) == {
        "message_type": "new_extended_job", "input_paths": [INPUT],
        "output_directory": "output", "mapper_executable": MAPPER,
        "reducer_executable": REDUCER, "num_reducers": 12, "max_mappers": 48,
        "split_size": 2**20, "decompress": True, "environment": {},
        "keep_old": True}


@pytest.mark.parametrize("options, fields", OPTIONS[4:17], ids=str)
def test_run_says_it(planned, options, fields):
    """As submit does."""
    # Commands have to be there.
    options = ["cat" if word in fields.values() and "part" in word else word
               for word in options]
    document = planned("-i", INPUT, "-r", REDUCER, *options)
    assert {name: document[name] for name in fields} == {
        **fields, **({"partitioner": "cat"} if "partitioner" in fields
                     else {})}


def test_run_takes_numbers_as_they_are(planned):
    """Exactly so many map tasks; whole files; names for what they are."""
    document = planned("-i", INPUT, "-r", REDUCER, "--nmappers", "2",
                       "--nreducers", "5", "--split-size", "0",
                       "--no-decompress")
    assert document["num_mappers"] == 2 and document["num_reducers"] == 5
    assert not {"max_mappers", "split_size", "decompress"} & document.keys()


def test_run_without_reducers(planned):
    """It needs no -r."""
    document = planned("-i", INPUT, "--nreducers", "0")
    assert document["num_reducers"] == 0
    assert "reducer_executable" not in document
    # One for each split, however many there are.
    assert document["max_mappers"] == 100_000


@pytest.mark.parametrize("size, split_size", [
    (0, 2**20), (2**24, 2**24), (24 * 2**20, 2 * 2**20), (2**40, 2**26)])
def test_splits_of_run(planned, tmp_path, size, split_size):
    """Four a Worker, but neither tiny nor huge; 16 MiB are no reason."""
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(size)
    document = planned("-i", str(tmp_path), "-r", "cat")
    assert document["split_size"] == split_size


def test_run_reads_standard_input(temporary, mocker):
    """From a copy, which is there until the job has ended.

    One that a killed process has left goes before.
    """
    local_job = importlib.import_module("mapreduce.engines.local")
    contents = []
    abandoned = temporary / "mapreduce-input-abandoned"
    abandoned.mkdir()
    abandoned.chmod(0o1700)

    def read(job_, *_, **__):
        contents.extend(open(path, "rb").read() for path in job_.input_paths)
        contents.extend(name[:16] for name in os.listdir(temporary))

    mocker.patch.object(local_job, "_do", side_effect=read)
    outcome = CliRunner().invoke(run.main, [
        "-i", "-", "-i", str(EXECUTABLES / "wc_map.py"), "-o", "output",
        "-m", "cat", "-r", "cat"], input=b"a\xff\nb")
    assert outcome.exit_code == 0, outcome.stderr
    assert contents == [b"a\xff\nb", (EXECUTABLES / "wc_map.py").read_bytes(),
                        "mapreduce-input-"]


@pytest.mark.parametrize("options, error", [
    ([], "Missing option '-r' / '--reducer'; only a job with --nreducers 0 "
     "needs none"),
    (["-r", "cat", "-i", "missing/*"],
     f"no file matches the input 'missing/*' in {ROOT}"),
    (["-r", "cat", "-i", "/dev/null"],
     "the input '/dev/null' is no regular file"),
    (["-r", "cat 'x"], "the reducer \"cat 'x\" can't be run: No closing "
     "quotation"),
    (["-r", " "], "the reducer ' ' can't be run: it names no program"),
    (["-r", "cat", "--combiner", "missing -x"], "the combiner 'missing -x': "
     "there is no program 'missing' in the working directory or on the PATH"),
    (["-r", "cat", "--partitioner", "./missing -x"], "the partitioner "
     f"'./missing -x': there is no file './missing' in {ROOT}"),
], ids=str)
def test_run_used_wrongly(monkeypatch, options, error):
    """Nothing is started."""
    monkeypatch.chdir(ROOT)
    code, _, stderr = start(
        run.main, "-i", INPUT, "-o", "output", "-m", MAPPER, *options)
    assert (code, stderr.splitlines()[-1]) == (2, f"Error: {error}")


def test_both_commands_have_the_same_options():
    """But for what only a Manager, or only Workers of one's own, need."""
    names = [{name for option in main.params for name in option.opts}
             for main in (submit.main, run.main)]
    assert [sorted(left - right) for left, right in
            itertools.permutations(names)] == [
        ["--dialect", "--host", "--keep-old", "--port", "--secret-file",
         "--shutdown", "--wait", "-h", "-p", "-s"],
        ["--conf", "--engine", "--engine-log", "--keep-failed", "--master",
         "--report", "--verbose", "--verify", "--workers"]]

"""Options on inputs and outputs: what they send, to which Managers."""
import importlib

import pytest
from click.testing import CliRunner

from mapreduce import run, submit
from mapreduce.protocol import codec
from tests.support.clients import SUBMITTER
from tests.support.fake_manager import FakeManager
from tests.support.files import TESTDATA

INPUT = str(TESTDATA / "input")
TYPES = {"message_types": ["new_manager_job", "new_extended_job"]}
ADDED = {"message_types": [*TYPES["message_types"], *(
    f"new_extended_job.{name}" for name in (
        "concatenate", "keep_old", "overwrite", "skip_bad_inputs",
        "separator", "key_fields", "partition_by", "sort_options",
        "logs", "lines_per_map", "any_exit_code", "compress", "cache",
        "cache_by_content", "map_speculative", "reduce_speculative"))]}

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


def start(main, *options):
    """Run a client in this process."""
    outcome = CliRunner().invoke(main, options)
    assert outcome.exception is None or isinstance(
        outcome.exception, SystemExit), outcome.exception
    return outcome.exit_code, outcome.stdout, outcome.stderr


@pytest.mark.parametrize("options, fields", [
    (["--keep-old"], {"keep_old": True}),
    (["--keep-old", "--overwrite"], {"keep_old": True, "overwrite": True}),
    (["--concatenate"], {"concatenate": True}),
    (["--skip-bad-inputs"], {"skip_bad_inputs": True}),
    (["--separator", ",", "--key-fields", "2"],
     {"separator": ",", "key_fields": 2}),
    (["--partition-by", "1-2", "--sort", "-k1,1 -k 2,2nr"],
     {"partition_by": "1-2", "sort_options": "-k1,1 -k 2,2nr"}),
    (["--separator", "\\t"], {"separator": "\t"}),
    (["--logs", "kept"], {"logs": "kept"}),
    (["--lines-per-map", "3"], {
        "lines_per_map": 3, "max_mappers": 10**5, "num_mappers": None}),
    (["--any-exit-code"], {"any_exit_code": True}),
    (["--compress", "zstd"], {"compress": "zstd"}),
    (["--cache", "c"], {"cache": "c"}),
    (["--cache", "c", "--cache-by-content"],
     {"cache": "c", "cache_by_content": True}),
    (["--speculative"],
     {"map_speculative": True, "reduce_speculative": True}),
], ids=str)
def test_submit_sends_later_options_only_to_a_manager_that_names_them(
        options, fields):
    """Another one would ignore them and, for example, delete files."""
    with FakeManager(ADDED) as manager:
        code, _, stderr = start(
            submit.main, "-p", str(manager.port), *options)
        manager.wait_for("new_extended_job")
    assert (code, stderr, manager.heard[1]) == (0, "", {
        name: value for name, value in {**EXTENDED, **fields}.items()
        if value is not None})
    with FakeManager(TYPES) as manager:
        code, stdout, stderr = start(
            submit.main, "-p", str(manager.port), *options)
    assert (code, stdout, manager.types()) == (3, "", ["get_message_types"])
    assert "does not know these options" in stderr


@pytest.mark.parametrize("options, error", [
    (["--separator", ""], "'' can't separate fields: name one byte"),
    (["--separator", "::"], "'::' can't separate fields"),
    (["--separator", "\n"], "can't separate fields"),
    (["--sort", "2,2"], "'2,2' is no option such as -k2,2nr"),
    (["--sort", "-k1 -o x"], "'-o' is no option such as -k2,2nr"),
    (["--partition-by", "a"], "'a' names no fields such as 1-2"),
    (["--key-fields", "0"], "--key-fields"),
    (["--lines-per-map", "0"], "--lines-per-map"),
    (["--compress", "lzo"], "--compress"),
    (["--logs", ""], "the name of the directory for logs is empty"),
    (["--partition-by", "1", "--partitioner", "cat"],
     "--partitioner and --partition-by both choose the reduce task"),
    (["--nreducers", "0", "--sort", "-k1"],
     "a job with 0 reduce tasks has no use for --sort"),
    (["--nreducers", "0", "--partition-by", "1"],
     "a job with 0 reduce tasks has no use for --partition-by"),
], ids=str)
def test_wrong_options_for_keys(sockets, options, error):
    """The error names the value and what would be right."""
    code, stdout, stderr = start(submit.main, *options)
    assert (code, stdout, sockets.sent) == (2, "", [])
    assert error in stderr.splitlines()[-1]


@pytest.mark.parametrize("path", ["a.gz", "directory", "directory/*"])
def test_compressed_input_without_the_option(
        sockets, tmp_path, monkeypatch, path):
    """One line says what the mapper reads."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory/a.gz").touch()
    name = "a.gz" if path == "a.gz" else "directory/a.gz"
    code, _, stderr = start(submit.main, "-i", path)
    assert (code, stderr) == (
        0, f"The mapper reads '{name}' as it is, compressed; with "
        "--decompress, it reads the content\n")
    assert start(submit.main, "-i", path, "--quiet") == (0, "", "")
    assert len(sockets.sent) == 2


@pytest.fixture(name="planned")
def _planned(mocker):
    """Return a function: the document of the job that run would start."""
    do = mocker.patch.object(
        importlib.import_module("mapreduce.engines.local"), "_do")

    def planned(*options):
        code, _, stderr = start(
            run.main, "-o", "output", "-m", "cat", "--workers", "3", *options)
        assert code == 0, stderr
        return codec.to_document(do.call_args.args[0])
    return planned


@pytest.mark.parametrize("lengths, number, tasks, size", [
    ([100], 4, {"num_mappers": 4}, 33), ([10], 6, {"num_mappers": 6}, 1),
    ([3], 6, {"max_mappers": 6}, 1), ([0, 0], 3, {"max_mappers": 3}, 1),
    ([10, 1000], 3, {"num_mappers": 3}, 999),
    ([1, 1, 1], 2, {"num_mappers": 2}, 2**20)])
def test_run_splits_for_the_number_of_map_tasks(
        planned, tmp_path, lengths, number, tasks, size):
    """It never makes more map tasks than splits."""
    for name, length in enumerate(lengths):
        (tmp_path / str(name)).write_bytes(length * b"x")
    document = planned("-i", str(tmp_path), "-r", "cat", "--nmappers",
                       str(number))
    assert document["split_size"] == size
    assert {name: value for name, value in document.items()
            if name.endswith("_mappers")} == tasks


def test_run_takes_options_for_keys(planned):
    """They are in the message for the tasks."""
    document = planned(
        "-i", INPUT, "-r", "cat", "--separator", ",", "--key-fields", "2",
        "--partition-by", "1", "--sort", "-k2,2nr")
    assert [document[name] for name in (
        "separator", "key_fields", "partition_by", "sort_options")] == [
            ",", 2, "1", "-k2,2nr"]
    assert "reducer_separator" not in document


def test_run_starts_few_mappers_for_concatenated_files(planned):
    """One for each Worker, not for each file."""
    document = planned("-i", INPUT, "-r", "cat", "--concatenate")
    assert (document["max_mappers"], document["concatenate"]) == (3, True)


def test_small_file_beside_a_large_one_stays_whole(planned, tmp_path):
    """Only the large one is divided."""
    for name, size in (("large", 24 * 2**20), ("small", 3 * 2**20)):
        with open(tmp_path / name, "wb") as file:
            file.truncate(size)
    document = planned("-i", str(tmp_path), "-r", "cat")
    assert document["split_size"] == 3 * 2**20

"""Files beside the parts of a result, and what tasks find out about them."""
import pathlib

import pytest

from mapreduce.protocol.fields import Split
from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes.variables import OLD_NAMES
from tests.support.files import read_files, write_executable, write_files
from tests.support.stages import do_map, do_reduce, map_files

# The local directories are made in there, and nothing may stay.
pytestmark = pytest.mark.usefixtures("temporary")
RESULT = "mapreduce_output_fileoutputformat_outputdir"
WRITE = 'echo "$1" > "$mapreduce_task_output_dir/extra-$1"; exec cat'


@pytest.fixture(name="result")
def make_result(tmp_path):
    """Return the path of the directory of the result."""
    (tmp_path / "result").mkdir()
    return tmp_path / "result"


@pytest.fixture(name="command")
def make_command(tmp_path):
    """Return a function: a command that runs a script."""
    def command(script, *arguments):
        path = write_executable(tmp_path / "command", script)
        return " ".join([str(path), *arguments])
    return command


def test_side_files_of_each_stage_appear_in_the_result(
        tmp_path, result, command):
    inputs = write_files(tmp_path / "input", b"a\n")
    environment = {RESULT: str(result)}
    do_map(tmp_path / "job", inputs, command(WRITE, "m"), 2,
           environment=environment)
    do_reduce(result, inputs, command(WRITE, "r"), environment=environment)
    assert read_files(result) == {
        "extra-m": b"m\n", "extra-r": b"r\n", "part-00000": b"a\n"}


def test_side_files_of_a_failure_do_not_appear(tmp_path, result, command):
    inputs = write_files(tmp_path / "input", b"a\n")
    with pytest.raises(TaskError, match="exited 3"):
        do_map(result, inputs, command(f"({WRITE}); exit 3", "m"), 0,
               environment={RESULT: str(result)})
    assert not read_files(result)


@pytest.mark.parametrize("script, reason", [
    ("touch $mapreduce_task_output_dir/part-00007",
     "the side file 'part-00007' has the name of a part of the result; "),
    ("mkdir $mapreduce_task_output_dir/more",
     "the side file 'more' is no regular file"),
])
def test_side_file_that_can_not_be_taken(
        tmp_path, result, command, script, reason):
    inputs = write_files(tmp_path / "input", b"a\n")
    with pytest.raises(TaskError) as caught:
        do_map(result, inputs, command(f"touch $mapreduce_task_output_dir/a; "
                                       f"{script}"), 0,
               environment={RESULT: str(result)})
    assert str(caught.value).startswith(reason)
    assert not read_files(result)


def test_variables_have_old_names_too_and_the_user_overrides(
        tmp_path, command):
    path = tmp_path / "input"
    path.write_bytes(b"a\nb\nc\n")
    names = ["mapred_task_id", "map_input_file", "map_input_start",
             "map_input_length", "mapred_job_name"]
    mapper = command("cat > /dev/null; echo " + " ".join(
        f'"${name}"' for name in names))
    files = map_files(
        tmp_path / "output", [], mapper, splits=[Split(str(path), 2)],
        environment={"mapreduce_task_attempt_id": "attempt",
                     "mapred_job_name": "mine", "mapreduce_job_name": "no"})
    assert files == {"maptask00000-part00000":
                     f"attempt {path} 2 4 mine\n".encode()}


def test_documentation_names_all_variables():
    page = pathlib.Path(__file__).parents[2] / "mapreduce/docs/write-a-job.md"
    text = page.read_text()
    assert [name for name in OLD_NAMES if f"`{name}`" not in text] == []


def test_path_of_the_result_holds_in_the_directory_of_a_task(
        tmp_path, result, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inputs = write_files(tmp_path / "input", b"a\n")
    files = map_files(
        tmp_path / "job", inputs, f"sh -c 'echo ${RESULT} $mapred_output_dir'",
        environment={RESULT: "result"}, files=[[inputs[0], "x"]])
    assert list(files.values()) == [f"{result} {result}\n".encode()]

"""Which output directories, and which files of a job, are refused."""
import os
import pathlib
import sys

import pytest

import mapreduce
from mapreduce.manager.output_safety import (
    StorageError,
    check_output,
    find_inputs,
)
from mapreduce.manager.storage import Storage
from tests.support.storage import job

# Outputs


def check(submission, place):
    """Check the output directory of a job."""
    check_output(submission, find_inputs(submission.input_paths),
                 f"{place}/shared")


def refusal(place, output_directory, **changes):
    """Return why an output directory is refused."""
    with pytest.raises(StorageError) as caught:
        check(job(place, output_directory=output_directory, **changes), place)
    return str(caught.value)


@pytest.mark.parametrize("output, reason", [
    ("/", "a mount point"),
    ("/dev", "a mount point"),
    ("/etc", "or holds a directory of the system"),
    ("/usr/../var/", "or holds a directory of the system"),
    ("{place}/home", "or holds the home directory"),
    ("{place}/link", "a symbolic link"),
    ("{place}/link/", "a symbolic link"),
    ("{place}/programs/map", "no directory"),
    ("{place}/loop", "a symbolic link"),
    (".", "or holds the working directory"),
    ("..", "or holds the working directory"),
    ("{place}/cwd/here", "or holds the working directory"),
    ("{place}/cwd", "or holds the working directory"),
    ("{place}", "or holds the working directory"),
    ("{place}/input", "or holds the input directory"),
    ("{place}/programs", "or holds the mapper"),
    ("{place}/shared", "or holds the shared directory"),
    ("{place}/input/output", "inside the input directory"),
    ("{place}/input/a/b", "inside the input directory"),
    ("{place}/shared/job", "inside the shared directory"),
    ("{place}/shared/new", "inside the shared directory"),
    ("../../input", "or holds the input directory"),
    ("../../output/../input/", "or holds the input directory"),
    ("../../link/../input", "or holds the input directory"),
    ("./../../home//", "or holds the home directory"),
    ("../../input/.", "or holds the input directory"),
])
def test_harmful_output_is_refused(place, output, reason):
    output = output.format(place=place)
    assert refusal(place, output) == (
        f"the output directory {output!r} is not replaced: it is {reason}")


def test_output_inside_what_a_pattern_matches_is_refused(place):
    """The next time, it would be an input."""
    assert refusal(
        place, f"{place}/input/output", input_paths=[f"{place}/inp*"]) == (
        f"the output directory '{place}/input/output' is not replaced: it is "
        "inside the input directory")


def test_output_without_a_name_is_refused(place):
    assert refusal(place, "") == "the output directory has an empty name"


@pytest.mark.parametrize("field, reason", [
    ("input_directory", "or holds the input"),
    ("mapper_executable", "or holds the mapper"),
    ("reducer_executable", "or holds the reducer"),
])
def test_output_that_holds_what_the_job_needs_is_refused(
        place, field, reason):
    (place / "output/needed").touch()
    (place / "alias").symlink_to("output")
    for path in ("output/needed", "alias/needed", "cwd/../output/needed"):
        assert refusal(
            place, f"{place}/output", **{field: f"{place}/{path}"}
        ).endswith(f": it is {reason}")


def test_output_that_inputs_are_links_to_is_refused(place):
    (place / "input/link").symlink_to("../output/old")
    with pytest.raises(StorageError, match="input/link' leads"):
        Storage(f"{place}/shared").prepare(0, job(place))
    assert os.listdir(place / "output") == ["old"]


@pytest.mark.parametrize("field, reason", [
    ("input_directory", "the input directory"),
    ("mapper_executable", "the mapper"),
    ("reducer_executable", "the reducer"),
])
def test_output_that_holds_a_link_to_what_the_job_needs_is_refused(
        place, field, reason):
    """The link would go with the output, and the job could not find it."""
    (place / "output/link").symlink_to("../input")
    assert refusal(
        place, f"{place}/output", **{field: f"{place}/output/link"}
    ).endswith(f": it is or holds {reason}")


def test_path_through_a_loop_is_refused(place):
    with pytest.raises(StorageError, match="symbolic links"):
        Storage(f"{place}/shared").prepare(
            0, job(place, output_directory="../../loop/output"))


@pytest.mark.parametrize("output, reason", [
    (os.path.dirname(os.path.dirname(mapreduce.__file__)), "this program"),
    (os.path.dirname(mapreduce.__file__), "this program"),
    (sys.prefix, "this program's Python"),
])
def test_this_program_is_not_replaced(place, output, reason):
    assert refusal(place, output).endswith(f": it is or holds {reason}")


@pytest.mark.parametrize("output", [
    "{place}/output", "{place}/output/", "{place}/new", "{place}/new/deep/er",
    "output", "./output", "-rf", "two words", "caf\udce9",
    "../../input/../output", "../here-not", "../../input-not",
    "../../programs/new"])
def test_harmless_output_is_taken(place, output):
    check(job(place, output_directory=output.format(place=place)), place)


@pytest.mark.parametrize("fields, reason", [
    ({"input_paths": ["b", "../../output/old"]}, "the input"),
    ({"combiner": "../../output/old"}, "the combiner"),
    ({"partitioner": "sh ../../output/old 1"}, "the partitioner"),
    ({"mapper_executable": "sh '../../output/old' --x"}, "the mapper"),
    ({"files": [("../../output/old", "stopwords")]}, "a file for the tasks"),
    ({"archives": [("../../output/old", "geo")]}, "a file for the tasks"),
])
def test_output_that_holds_what_the_tasks_need_is_refused(
        place, fields, reason):
    pathlib.Path("b").touch()
    assert refusal(place, f"{place}/output", **fields).endswith(
        f": it is or holds {reason}")


def test_output_that_holds_what_a_pattern_means_is_refused(place):
    with pytest.raises(StorageError, match="or holds the input$"):
        Storage(f"{place}/shared").prepare(
            0, job(place, input_paths=["../../out*/o*"]))
    assert os.listdir(place / "output") == ["old"]


def test_output_may_lie_beside_an_input_file(place):
    (place / "input/a").touch()
    Storage(f"{place}/shared").prepare(0, job(
        place, input_paths=[f"{place}/input/a"],
        output_directory=f"{place}/input/output"))
    assert sorted(os.listdir(place / "input")) == ["a", "output"]


def test_command_that_cannot_be_split_is_left_to_the_worker(place):
    check(job(place, mapper_executable="sh 'x"), place)


@pytest.mark.parametrize("output", ["output", "link", "loop", "programs/map"])
def test_output_that_exists_is_not_replaced_if_its_owner_says_so(
        place, output):
    output = f"{place}/{output}"
    assert refusal(place, output, no_clobber=True) == (
        f"the output directory {output!r} exists already; name another one, "
        "or remove it")


def test_output_that_is_new_is_made_whatever_its_owner_says(place):
    Storage(f"{place}/shared").prepare(
        0, job(place, output_directory="new", no_clobber=True))
    assert os.listdir("new") == []


@pytest.mark.parametrize("cache, error", [
    ("full", "the directory {cache!r} is no cache: it holds 'file'; name one "
     "that is new or empty"),
    ("full/file", "cannot use the directory {cache!r} as a cache: "),
    ("output/cache", "the cache is not kept in {cache!r}: that is in the out"),
    ("input/cache", "the cache {cache!r} and the directory '{place}/input' "
     "must not lie in each other"),
    (".", "the cache {cache!r} and the directory '{place}/input' must not"),
])
def test_directory_that_can_not_be_a_cache_is_refused(place, cache, error):
    (place / "full").mkdir()
    (place / "full/file").touch()
    cache = f"{place}/{cache}"
    with pytest.raises(StorageError) as caught:
        Storage(f"{place}/shared").prepare(0, job(place, cache=cache))
    assert str(caught.value).startswith(
        error.format(cache=cache, place=place))


@pytest.mark.parametrize("named", ["{place}/gone", "gone"])
def test_job_whose_files_are_missing_keeps_the_old_result(place, named):
    """It is known before the start, so no task has to find out."""
    gone = named.format(place=place)
    with pytest.raises(StorageError) as caught:
        Storage(f"{place}/shared").prepare(0, job(
            place, files=((gone, "x"), (f"{place}/input", "y")),
            archives=((f"{place}/programs/map/z", "z"),)))
    where = "" if gone.startswith("/") else f" in {os.getcwd()}"
    assert str(caught.value) == (
        f"there is no file {gone!r} for the tasks{where}\n"
        f"there is no file '{place}/programs/map/z' for the tasks")
    assert os.listdir(place / "output") == ["old"]

"""The options on inputs, with real processes: what each does to the result."""
import bz2
import gzip
import lzma
import os
import pty
import subprocess

import pytest

from tests.support.cluster import MAPPER
from tests.support.commands import command
from tests.support.files import (
    TESTDATA,
    in_order,
    names_in,
    read_files,
    write_executable,
)
from tests.support.job_client import INPUT, LARGE, expected
from tests.support.waiting import TIMEOUT


def test_program_in_the_working_directory(client, count):
    """It is found without a slash, and before the PATH."""
    write_executable(client.directory / "cut", f"exec '{MAPPER}' # $1")
    assert in_order(count(mapper="cut -f")) == expected(INPUT)


def test_several_inputs(count):
    """Files, directories and patterns, one of them twice."""
    assert in_order(count(
        "-i", INPUT / "file02", "-i", INPUT / "file0[3-4]", "-i", LARGE,
        source=TESTDATA / "input_small", mapper=MAPPER,
    )) == expected(TESTDATA / "input_small", INPUT / "file02",
                   INPUT / "file03", INPUT / "file04", LARGE)


@pytest.fixture(name="compressed")
def _compressed(tmp_path):
    """A directory of compressed files; the content of one in two members."""
    directory = tmp_path / "compressed"
    directory.mkdir()
    texts = [file.read_bytes() for file in sorted(INPUT.iterdir())]
    (directory / "plain").write_bytes(texts[0])
    (directory / "a.gz").write_bytes(
        gzip.compress(texts[1]) + gzip.compress(texts[2]))
    (directory / "b.bz2").write_bytes(bz2.compress(texts[3]))
    (directory / "c.xz").write_bytes(lzma.compress(b"".join(texts[4:])))
    return directory


def test_compressed_inputs(compressed, count):
    """They count as if they were not; and are not divided."""
    assert in_order(count("--split-size", 100, source=compressed)) == expected(
        INPUT)


def test_compressed_inputs_as_they_are(compressed, client, count):
    """Who wants the bytes gets them."""
    count("--no-decompress", "--nreducers", 0, source=compressed, mapper="cat")
    assert [*read_files(client.output).values()] == [
        *read_files(compressed).values()]


def test_truncated_file(compressed, client):
    """It fails the job, which names it."""
    (compressed / "a.gz").write_bytes(
        (compressed / "a.gz").read_bytes()[:-20])
    code, stderr = client(
        "run", "-i", compressed, "-o", "output", "-m", "cat", "-r", "cat",
        "--quiet")
    assert code == 1
    assert "a.gz" in stderr and "Traceback" not in stderr
    assert names_in(client.output) == []


def test_standard_input(count):
    """It is an input like another."""
    assert in_order(count("-i", INPUT / "file01", source="-",
                          stdin=LARGE.read_bytes())) == expected(
        LARGE, INPUT / "file01")


def test_terminal_is_read_to_its_first_end(client):
    leader, follower = pty.openpty()
    with subprocess.Popen(
            [command("run"), "-i", "-", "-o", "output", "-m", "cat", "-r",
             "cat", "--nreducers", "1", "--quiet"], stdin=follower,
            cwd=client.directory) as process:
        os.write(leader, b"b\na\n\x04")
        assert process.wait(TIMEOUT) == 0
    assert client.result() == b"a\nb\n"
    os.close(leader)
    os.close(follower)


def test_other_inputs_are_looked_for_before_standard_input_is_read(client):
    read_end, write_end = os.pipe()
    with subprocess.Popen(
            [command("run"), "-i", "-", "-i", "missing", "-o", "output", "-m",
             "cat", "-r", "cat"], stdin=read_end, stderr=subprocess.PIPE,
            cwd=client.directory, text=True) as process:
        _, stderr = process.communicate(timeout=TIMEOUT)
    assert "'missing'" in stderr
    os.close(read_end)
    os.close(write_end)


@pytest.mark.parametrize("size", ["1", "1M"])
def test_splits_of_one_file(client, count, tmp_path, size):
    """Each line is in one of them, and stays as it is."""
    file = tmp_path / "lines"
    file.write_bytes(b"a\r\n\n\nlonger " + 50 * b"x" + b"\r\nb\nno newline")
    count("--split-size", size, "--nreducers", 0, source=file, mapper="cat",
          reducer="unused")
    assert in_order(client.result()) == in_order(file.read_bytes())
    assert (len(names_in(client.output)) > 1) == (size != "1M")


def test_map_output_alone_has_a_part_for_each_split(client, count):
    """However many there are; each line is in one of them."""
    count("--split-size", "12K", "--nreducers", 0, source=LARGE, mapper="cat",
          reducer="unused")
    assert names_in(client.output) == [
        f"part-{number:05d}" for number in range(41)]
    assert client.result() == LARGE.read_bytes()

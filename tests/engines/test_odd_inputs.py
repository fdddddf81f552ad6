"""mapreduce-run on inputs that are empty, broken, or many small files."""
import gzip

import pytest

from tests.support.files import make_pipe, names_in

EMPTY_RESULT = (
    "The result is empty: the mapper or the reducer printed nothing")


@pytest.fixture(name="source")
def _source(tmp_path):
    """A directory for the input."""
    directory = tmp_path / "source"
    directory.mkdir()
    return directory


@pytest.fixture(name="lines")
def _lines(client, source):
    """Return a function: the exit code of a job, and lines of its errors."""
    def lines(*options, mapper="cat"):
        code, stderr = client(
            "run", "-i", source, "-o", "output", "-m", mapper, "-r", "cat",
            "--nreducers", "1", *options)
        return code, [
            line for line in stderr.splitlines() if not line.startswith(
                ("job 0: ", "Done in ", "GROUP", "mapreduce "))]
    return lines


def test_empty_directory(lines):
    assert lines() == (0, [
        "The input holds no file: the mapper will not run"])


def test_directory_of_directories(lines, source):
    (source / "deeper").mkdir()
    assert lines() == (0, [
        "Skipped 1 directory in the input; --recursive reads the files "
        "there, too",
        "The input holds only directories, which are skipped: the mapper "
        "will not run"])


def test_empty_files(lines, source):
    (source / "a").touch()
    assert lines() == (0, [
        "The input is empty: all of its files have 0 bytes"])


def test_mapper_that_prints_nothing(lines, source):
    (source / "a").write_bytes(b"a\n")
    assert lines(mapper="true") == (0, [EMPTY_RESULT])
    assert lines("--quiet", mapper="true") == (0, [])


@pytest.fixture(name="broken")
def _broken(source):
    """Inputs some of which are cut off, or lead nowhere; and two good ones."""
    whole = gzip.compress(b"good\n" * 1000)
    (source / "good.gz").write_bytes(whole)
    (source / "plain").write_bytes(b"plain\n")
    for name in ("cut1.gz", "cut2.gz"):
        (source / name).write_bytes(whole[:-9])
    (source / "no.gz").write_bytes(b"text")
    return [repr(str(source / name)) for name in (
        "cut1.gz", "cut2.gz", "no.gz")]


def test_all_broken_files_are_named(lines, client, broken):
    code, printed = lines("--nmappers", "1")
    assert (code, printed[:-1]) == (1, [
        "Error: job 0 failed: map task 0 failed 4 times, the last time "
        f"because cannot decompress the input {broken[0]}: it ends too early",
        f"cannot decompress the input {broken[1]}: it ends too early",
        f"cannot decompress the input {broken[2]}: Error -3 while "
        "decompressing data: incorrect header check",
        f"3 inputs can't be read: {', '.join(broken)}; --skip-bad-inputs "
        "goes on without",
        "Run it again:"])
    assert printed[-1].startswith(f"cd {client.directory} && gzip -t < ")


@pytest.mark.parametrize("options", [[], ["--concatenate"]], ids=str)
def test_broken_files_are_skipped(lines, client, source, broken, options):
    """None of their lines is in the result; all are named and counted."""
    (source / "leads nowhere").symlink_to("missing")
    paths = sorted([*broken, repr(str(source / "leads nowhere"))])
    assert lines("--skip-bad-inputs", *options) == (0, [
        f"Skipped 4 inputs that can't be read: {', '.join(paths)}"])
    assert client.result() == b"good\n" * 1000 + b"plain\n"


def test_all_missing_names_are_listed(client):
    code, stderr = client("run", "-i", "a", "b", "-o", "output", "-m", "cat",
                          "-r", "cat")
    assert code == 2
    assert "the input 'a': No such" in stderr
    assert "the input 'b': No such" in stderr


def test_concatenated_files(lines, client, source):
    """One mapper reads all; no two lines run together."""
    for number, content in enumerate([b"a\nb", b"", b"c\n", b"d"]):
        (source / str(number)).write_bytes(content)
    assert lines("--concatenate", "--nmappers", "1",
                 mapper="cat -n")[0] == 0
    assert [line.split() for line in client.result().splitlines()] == [
        [b"1", b"a"], [b"2", b"b"], [b"3", b"c"], [b"4", b"d"]]


def test_many_small_files(lines, source):
    """One line names the option."""
    for number in range(501):
        (source / str(number)).write_bytes(b"x\n")
    mapper = "wc -l"
    assert lines("--concatenate", mapper=mapper) == (0, [])
    code, printed = lines("--nmappers", "1", mapper="true")
    assert (code, printed[0]) == (
        0, "The input has 501 files below 1 MB, and the mapper runs once for "
        "each; with --concatenate, it runs once for each map task")


def test_pipe_of_the_shell(client):
    """As <(command): the line names standard input."""
    pipe = client.directory / "pipe"
    make_pipe(pipe)
    code, stderr = client("run", "-i", pipe, "-o", "output", "-m", "cat",
                          "-r", "cat")
    assert (code, stderr) == (
        2, f"Error: the input '{pipe}' is no regular file; pipe it into this "
        "command, with -i -\n")
    assert names_in(client.directory) == ["pipe"]

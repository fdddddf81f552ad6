"""Secret files: which are read, and what is said of the others."""
import os
import pathlib
import subprocess

import click
import pytest
from click.testing import CliRunner

from mapreduce.protocol.signing import Secret
from mapreduce.spec2017 import master, worker
from mapreduce.system import access

WORD = b"0123456789abcdef" * 2


@pytest.fixture(name="file")
def make_file(tmp_path):
    """Return a function that makes a file with a mode."""
    def make(content, mode=0o600):
        path = tmp_path / "the secret"
        path.write_bytes(content)
        path.chmod(mode)
        return str(path)
    return make


@pytest.mark.parametrize("content, words", [
    (WORD, [WORD]), (WORD + b"\n", [WORD]),
    (b"new" + WORD + b"\r\n\n" + WORD + b"\n", [b"new" + WORD, WORD])],
    ids=["one", "line", "two"])
def test_each_line_is_a_secret(file, content, words):
    assert access.read(file(content)) == Secret.derive(words)


@pytest.mark.parametrize("content, mode, problem", [
    (WORD, 0o640, "other users may use it"),
    (WORD, 0o604, "other users may use it"),
    (WORD[1:], 0o600, "each line must have 32 bytes or more"),
    (WORD + b"\nshort", 0o600, "each line must have 32 bytes or more"),
    (b"", 0o600, "each line must have 32 bytes or more"),
    # It is never cut: keys at its end would be missing.
    ((WORD + b"\n") * 2000, 0o600, "it has more than 65,536 bytes")],
    ids=range(6))
def test_wrong_file_is_refused_with_a_way_out(
        file, content, mode, problem, tmp_path, monkeypatch):
    """Its own content stays."""
    path = file(content, mode)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(access.NoSecret) as caught:
        access.read(path)
    assert problem in caught.value.message
    make(caught.value.message)
    access.read("NEW_FILE")
    assert pathlib.Path(path).read_bytes() == content
    assert WORD.decode()[:20] not in caught.value.message


def make(message):
    """Run the line of a message that makes a secret file."""
    hint = message.partition("a right one: ")[2]
    subprocess.run(hint, shell=True, check=True)


@pytest.mark.parametrize("name", ["missing", "it's one", "-x"])
def test_missing_file_is_refused_with_a_line_that_makes_it(
        name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(access.NoSecret) as caught:
        access.read(name)
    make(caught.value.message)
    access.read(name)


@pytest.mark.parametrize("name", [
    "", "a\nb", "a\0b", os.fsdecode(b"caf\xe9"), "missing/file", "missing/",
    "/dev/zero", ".", "dangling"])
def test_file_that_cannot_be_made_is_refused_in_one_line(
        name, tmp_path, monkeypatch):
    """No line that would fail, or delete what is no secret file."""
    monkeypatch.chdir(tmp_path)
    os.symlink("missing/file", "dangling")
    with pytest.raises(access.NoSecret) as caught:
        access.read(name)
    assert caught.value.message.startswith(f"the secret file {name!r}: ")
    assert caught.value.message.endswith(
        "this makes a right one: (umask 077; head -c 32 /dev/urandom | base64 "
        "> NEW_FILE)")


def test_empty_variable_is_no_missing_one(monkeypatch):
    """A script may have set it, and something failed there."""
    @click.command()
    @access.secret_option
    def command(secret):
        click.echo(repr(secret))

    monkeypatch.setenv("MAPREDUCE_SECRET_FILE", "")
    refused = CliRunner().invoke(command)
    assert (refused.exit_code, refused.stderr) == (2, (
        "Error: the variable MAPREDUCE_SECRET_FILE is empty: let it name a "
        "file with a secret, or unset it\n"))
    monkeypatch.delenv("MAPREDUCE_SECRET_FILE")
    assert CliRunner().invoke(command).output == "None\n"


@pytest.mark.parametrize("command, ports", [
    (master.main, ["6000"]), (worker.main, ["6000", "6001"])],
    ids=["master", "worker"])
@pytest.mark.parametrize("value", ["", "/nowhere"])
def test_daemon_that_signs_nothing_refuses_the_variable(
        command, ports, value, monkeypatch):
    """Its user believes that it signs."""
    monkeypatch.setenv("MAPREDUCE_SECRET_FILE", value)
    ended = CliRunner().invoke(command, ports)
    assert (ended.exit_code, ended.stdout, ended.stderr) == (2, "", (
        "Error: the 2017 dialect has no signatures; unset "
        "MAPREDUCE_SECRET_FILE\n"))


@pytest.mark.parametrize("skew", ["nan", "-nan", "inf", "1e400", "0.9"])
def test_no_clock_skew_switches_the_check_of_the_time_off(skew):
    @click.command()
    @access.options
    def command(**_):
        pass

    result = CliRunner().invoke(command, [f"--clock-skew={skew}"])
    assert result.exit_code == 2
    assert "Invalid value for '--clock-skew'" in result.output


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, problem in [
            (tmp_path / "pipe", "it is no regular file"),
            (tmp_path, "Is a directory"),
            (tmp_path / "missing", "No such file")]:
        with pytest.raises(access.NoSecret, match=problem):
            access.read(str(path))


def test_file_of_another_user_is_refused(file, mocker):
    path = file(WORD)
    mocker.patch("os.geteuid", return_value=os.geteuid() + 1)
    if os.stat(path).st_uid:  # Files of root are right for each user.
        with pytest.raises(access.NoSecret, match="another user"):
            access.read(path)
    else:
        access.read(path)
        os.chown(path, 4711, -1)
        with pytest.raises(access.NoSecret, match="another user"):
            access.read(path)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", ""])
def test_open_address_needs_a_secret(host):
    """Or a user who says that it is no oversight."""
    closed = access.Access()
    with pytest.raises(access.click.ClickException) as caught:
        access.admit(host, closed)
    assert "--secret-file" in caught.value.message
    assert "--insecure" in caught.value.message
    assert access.admit(
        host, access.Access(insecure=True)) is None
    secret = Secret.derive([WORD])
    assert access.admit(
        host, access.Access(secret=secret, clock_skew=5.0)
    ) == Secret(secret.keys, 5.0)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3"])
def test_loopback_needs_none(host):
    assert access.admit(host, access.Access()) is None

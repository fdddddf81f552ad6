"""The variable that names a secret file, which is not for executables."""
from tests.support.files import write_executable, write_files


def test_no_executable_gets_the_name_of_the_secret_file(
        client, tmp_path, monkeypatch):
    """Not even those that the client starts itself, to verify the result."""
    monkeypatch.setenv("MAPREDUCE_SECRET_FILE", "/nowhere")
    mapper = write_executable(
        tmp_path / "mapper", "cat", "echo ${MAPREDUCE_SECRET_FILE-none}")
    [source] = write_files(tmp_path / "in", b"a\n")
    code, stderr = client(
        "run", "--verify", "-i", source, "-o", "output", "-m", mapper,
        "-r", "cat", "--workers", 1, "--nreducers", 1)
    assert code == 0, stderr
    assert (client.output / "part-00000").read_text() == "a\nnone\n"

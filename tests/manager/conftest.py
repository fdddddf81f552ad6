"""What the tests of the Manager's files share."""
import pytest


@pytest.fixture(name="place")
def make_place(tmp_path, monkeypatch):
    """Make directories for a job; return the one that holds them all.

    The working directory is in there: cwd/here. No file is made in input, so
    that its tests say what is there.
    """
    for name in ("cwd/here", "input", "programs", "shared/job", "home",
                 "output"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("programs/map", "programs/reduce", "output/old"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("output")
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path / "cwd/here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path

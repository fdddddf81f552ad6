"""bin/install, with a stand-in for the Python of env/."""
import shutil
import subprocess

import pytest

from tests.support.files import ROOT, write_executable

NATIVE = "mapreduce/worker/shuffle/_native.c"
FILES = ["bin/install", "pyproject.toml", "requirements.txt", NATIVE]


@pytest.fixture(name="clone")
def _clone(tmp_path):
    """A clone whose Python notes what it is asked to install."""
    clone = tmp_path / "clone"
    for name in FILES:
        path = clone / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, path)
    (clone / "env/bin").mkdir(parents=True)
    write_executable(
        clone / "env/bin/python",
        '[ "$1" = -c ] || echo "$@" >> "$(dirname "$0")/installed"')
    return clone


def install(clone):
    """Run bin/install; return how often it has installed by now."""
    subprocess.run(["bin/install"], cwd=clone, check=True, capture_output=True)
    return len((clone / "env/bin/installed").read_text().splitlines())


def test_what_was_installed_is_not_installed_again(clone):
    assert [install(clone), install(clone)] == [1, 1]


@pytest.mark.parametrize("name", FILES[1:])
def test_file_that_has_changed_is_installed_again(clone, name):
    assert install(clone) == 1
    with open(clone / name, "a", encoding="utf-8") as file:
        file.write("\n/* new */\n")
    assert [install(clone), install(clone)] == [2, 2]


def test_compiled_loops_of_an_older_version_go(clone):
    """Where no compiler is, nothing would take their place."""
    old = clone / "mapreduce/worker/shuffle/_native.abi3.so"
    old.write_bytes(b"")
    install(clone)
    assert not old.exists()


def install_by_pip(clone):
    """Leave what pip leaves that was used without bin/install."""
    for name in ("manager", "worker", "submit", "run", "streaming", "status",
                 "cancel", "dashboard", "cache"):
        write_executable(clone / f"env/bin/mapreduce-{name}", "exit 0")


@pytest.mark.parametrize("arguments", [[], ["development"]])
def test_what_pip_has_installed_is_not_installed_again(clone, arguments):
    install_by_pip(clone)
    subprocess.run(["bin/install", *arguments], cwd=clone, check=True)
    assert not (clone / "env/bin/installed").exists()
    with open(clone / "pyproject.toml", "a", encoding="utf-8") as file:
        file.write("# new\n")
    assert install(clone) == 1


def test_command_that_pip_has_not_installed_is_installed(clone):
    install_by_pip(clone)
    (clone / "env/bin/mapreduce-cancel").unlink()
    assert install(clone) == 1

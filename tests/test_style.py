"""The checks of style, and the rules on which module may import which."""
import ast
import contextlib
import pathlib
import subprocess
import sys

import pytest

from tests.cluster import ROOT

PACKAGE = ROOT / "mapreduce"
MODULES = sorted(PACKAGE.rglob("*.py"))

TOOLS = pathlib.Path(sys.executable).parent
PYTHON = [sys.executable, "-m"]
BENCHMARK = sorted((ROOT / "tests/benchmark").glob("*.py"))
CHECKS = {
    "pycodestyle": [*PYTHON, "pycodestyle", "mapreduce", "tests"],
    "pydocstyle": [*PYTHON, "pydocstyle", "mapreduce", "tests/benchmark"],
    "pylint": [*PYTHON, "pylint", "--rcfile", "pyproject.toml", "mapreduce",
               *BENCHMARK],
    "mypy": [*PYTHON, "mypy", "--strict", "mapreduce", *BENCHMARK],
    "shellcheck": [
        TOOLS / "shellcheck", ".ci/run", *(ROOT / "bin").iterdir(),
        *(ROOT / "tests/testdata/exec").glob("*.sh"),
        *(ROOT / "tests/benchmark/programs").glob("*.sh")],
}

# No comment may switch a check off. In two parts each, so that this file
# itself does not hold them.
FORBIDDEN_WORDS = ["no" + "qa", "nope" + "p8", "py" + "lint"]

PURE = [
    "manager/scheduler.py", "manager/jobs.py", "manager/job.py",
    "manager/workers.py", "manager/remote_worker.py", "manager/snapshot.py",
    "manager/events.py", "manager/plan.py", "manager/splits.py",
    "manager/tasks.py", "manager/counters.py", "manager/choosing.py",
    "utils/messages.py", "utils/fields.py",
    "utils/extensions.py", "utils/layout.py", "utils/status.py",
    "utils/report.py",
]
IMPURE = {
    "socket", "threading", "queue", "time", "os", "subprocess", "tempfile"}

CLIENTS = {
    f"mapreduce.{path.stem}" for path in PACKAGE.glob("[!_]*.py")}

# What may lie at the top of the repository, and all of it must.
TOP = {
    ".ci", ".gitignore", "README.md", "bin", "mapreduce", "pyproject.toml",
    "requirements.txt", "tests",
}


@pytest.fixture(name="checks", scope="module")
def _checks():
    """All checks, started together."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(subprocess.Popen(
                arguments, cwd=ROOT, text=True, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT))
            for name, arguments in CHECKS.items()
        }


@pytest.mark.parametrize("name", CHECKS)
def test_check_passes(checks, name):
    """It finds nothing."""
    output, _ = checks[name].communicate()
    assert checks[name].returncode == 0, output


def test_no_check_is_switched_off():
    """Only the client may name a checker: its options need it."""
    assert [(path, word) for path in MODULES for word in FORBIDDEN_WORDS
            if path != PACKAGE / "submit.py" and word in path.read_text()
            ] == []


def imports_of(path):
    """Return the names of the modules that a module imports.

    For `from a import b` both a and a.b: b may be a module, too.
    """
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import in {path}"
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def packages_of(path):
    """Return the first parts of the names that a module imports."""
    return {name.partition(".")[0] for name in imports_of(path)}


@pytest.mark.parametrize("name", PURE)
def test_core_is_pure(name):
    """It imports nothing that acts on the world or asks it for the time."""
    assert packages_of(PACKAGE / name) & IMPURE == set()


@pytest.mark.parametrize("name, others", [
    ("manager", {"mapreduce.worker", *CLIENTS}),
    ("worker", {"mapreduce.manager", *CLIENTS}),
    ("utils", {"mapreduce.manager", "mapreduce.worker", *CLIENTS}),
])
def test_imports_point_one_way(name, others):
    """Neither Manager nor Worker knows of the other, nor utils of any."""
    for path in (PACKAGE / name).glob("*.py"):
        assert [imported for imported in imports_of(path)
                if ".".join(imported.split(".")[:2]) in others] == [], path


def test_sockets_are_in_one_module():
    """Whatever can open one is imported nowhere else."""
    assert [path for path in MODULES if packages_of(path) & {
        "socket", "socketserver", "asyncio", "http", "urllib"}
    ] == [PACKAGE / "utils/network.py"]


def test_one_module_draws():
    """Whoever imports it late imports rich late."""
    assert [path for path in MODULES if "rich" in packages_of(path)] == [
        PACKAGE / "screen.py"]


def test_top_of_the_repository():
    """It holds what is asked for and nothing else."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True,
        text=True).stdout
    assert {line.split("/")[0] for line in listing.splitlines()} == TOP

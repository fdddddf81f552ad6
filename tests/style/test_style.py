"""The checks of style, and the rules of which room may import which."""
import ast
import contextlib
import functools
import pathlib
import subprocess
import sys

import pytest

from tests.support.files import ROOT

PACKAGE = ROOT / "mapreduce"
MODULES = sorted(PACKAGE.rglob("*.py"))

TOOLS = pathlib.Path(sys.executable).parent
PYTHON = [sys.executable, "-m"]
BENCHMARK = sorted((ROOT / "tests/benchmark").glob("*.py"))
CHECKS = {
    # The jobs of others stay as they are.
    "pycodestyle": [*PYTHON, "pycodestyle", "--exclude",
                    "tests/testdata/jobs", "mapreduce", "tests"],
    "pydocstyle": [*PYTHON, "pydocstyle", "mapreduce", "tests/benchmark"],
    # It takes a tenth less time where it seldom looks for garbage.
    "pylint": [sys.executable, "-c", "import gc, pylint; "
               "gc.set_threshold(200_000); pylint.run_pylint()",
               "--rcfile", "pyproject.toml", "mapreduce", *BENCHMARK],
    "mypy": [*PYTHON, "mypy", "--strict", "mapreduce", *BENCHMARK],
    "shellcheck": [
        TOOLS / "shellcheck", ".ci/run",
        *(path for path in (ROOT / "bin").iterdir() if not path.suffix),
        *(ROOT / "tests/testdata/exec").glob("*.sh"),
        *(ROOT / "tests/benchmark/programs").glob("*.sh")],
}

# No comment may switch a check off. In two parts each, so that this file
# itself does not hold them.
FORBIDDEN_WORDS = ["no" + "qa", "nope" + "p8", "py" + "lint"]

# What acts on the world, or asks it for something.
IMPURE = {
    "socket", "threading", "queue", "time", "os", "subprocess", "tempfile",
    "glob"}
SOCKETS = {"socket", "socketserver", "asyncio", "http", "urllib"}

COMMANDS = {path.stem for path in PACKAGE.glob("[!_]*.py")}

# What each room may import of ours, beside itself. Whatever stands below may
# not be imported from above; nothing is told twice.
ROOMS = {
    "commands": {
        "engines", "client", "display", "system", "utils", "protocol"},
    "engines": {
        "client", "display", "system", "utils", "protocol", "worker",
        "manager.scheduling", "manager.storage", "manager.output_safety",
        "manager.kept_output"},
    "client": {"display", "system", "utils", "protocol"},
    "dashboard": {"client", "display", "system", "utils", "protocol"},
    "manager": {
        "manager.scheduling", "display.text", "system", "utils", "protocol"},
    "manager.scheduling": {"protocol"},
    "worker": {"system", "utils", "protocol"},
    "spec2017": {
        "manager.scheduling", "system", "utils", "protocol", "worker"},
    "conformance": {"system", "utils"},
    "display": {"protocol"},
    "system": {"utils", "protocol"},
    "utils": {"protocol"},
    "protocol": set(),
}

MAX_LINES = 350  # of a module: more are two subjects
MAX_LINES_OF_C = 550
MAX_FILES = 12  # at the root of a room of daemons

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


@pytest.mark.timeout(600)  # They take half a minute on two quiet cores.
@pytest.mark.parametrize("name", CHECKS)
def test_check_passes(checks, name):
    """It finds nothing."""
    output, _ = checks[name].communicate()
    assert checks[name].returncode == 0, output


def test_no_check_is_switched_off():
    """No module names a checker."""
    assert [(path, word) for path in MODULES for word in FORBIDDEN_WORDS
            if word in path.read_text()] == []


def name_of(path):
    """Return the name of a module, e.g., mapreduce.utils.network."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


OURS = {name_of(path): path for path in MODULES}


@functools.cache
def imports_of(path, typing=True):
    """Return the names of the modules that a module imports.

    For `from a import b` both a and a.b: b may be a module, too. What only
    the type checker reads counts as well, unless typing is false: it couples
    rooms all the same.
    """
    names = set()
    tree = ast.parse(path.read_text())
    if not typing:
        tree.body = [node for node in tree.body if not (
            isinstance(node, ast.If)
            and ast.unparse(node.test) == "TYPE_CHECKING")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import in {path}"
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def needs_of(name):
    """Return all modules of ours that importing a module loads."""
    found, todo = set(), {name}
    while todo:
        needed = todo.pop()
        found.add(needed)
        package = needed.rpartition(".")[0]
        imported = imports_of(OURS[needed], typing=False) & OURS.keys()
        todo |= ({package, *imported} & OURS.keys()) - found
    return found


def packages_of(path):
    """Return the first parts of the names that a module imports."""
    return {name.partition(".")[0] for name in imports_of(path)}


def room_of(name):
    """Return the room of a module, e.g., manager.scheduling."""
    parts = name.split(".")[1:]
    if not parts or parts[0] in COMMANDS:
        return "commands"
    two = ".".join(parts[:2])
    return two if two in ROOMS else parts[0]


def is_pure(name):
    return room_of(name) in ("protocol", "manager.scheduling") or name in (
        "mapreduce.display.text", "mapreduce.display.balance",
        "mapreduce.spec2017.plan",
        "mapreduce.spec2017.scheduler")


@pytest.mark.parametrize("name", list(filter(is_pure, OURS)))
def test_core_is_pure(name):
    """Nothing that it needs, however far away, acts on the world."""
    assert {needed: packages_of(OURS[needed]) & IMPURE
            for needed in needs_of(name)
            if packages_of(OURS[needed]) & IMPURE} == {}


@pytest.mark.parametrize("name", OURS)
def test_imports_point_one_way(name):
    """A module imports only from its own room and from those below."""
    room = room_of(name)
    allowed = ROOMS[room] | {room}
    assert [imported for imported in imports_of(OURS[name]) & OURS.keys()
            if imported != "mapreduce"
            and room_of(imported) not in allowed
            and imported.removeprefix("mapreduce.") not in allowed
            # The package on the way to a module that is allowed.
            and not any(other.startswith(imported + ".")
                        for other in imports_of(OURS[name]))] == []


def test_no_module_needs_itself():
    """There is no circle of imports."""
    circles = []
    for name, path in OURS.items():
        for imported in imports_of(path) & OURS.keys():
            # A package whose names are imported late is no circle.
            # A package is loaded before what is in it.
            if not name.startswith(imported + ".") and (
                    name in needs_of(imported) - {imported}
                    and not imported.startswith(name + ".")):
                circles.append((name, imported))
    assert circles == []


def test_sockets_are_in_one_module():
    """Whatever can open one is imported nowhere else.

    The web server, which is not ours, needs one that listens.
    """
    assert [path for path in MODULES if packages_of(path) & SOCKETS] == [
        PACKAGE / "dashboard/server.py", PACKAGE / "utils/network.py"]


def test_one_module_draws():
    """Whoever imports it late imports rich late."""
    assert [path for path in MODULES if "rich" in packages_of(path)] == [
        PACKAGE / "display/screen.py"]


def test_one_module_makes_pages():
    """Whatever can do without pages can do without their template engine."""
    assert [path for path in MODULES if "jinja2" in packages_of(path)] == [
        PACKAGE / "display/html/pages.py"]


def test_only_the_dashboard_serves_browsers():
    """It is an extra: everything else runs without these packages."""
    assert [path for path in MODULES
            if packages_of(path) & {"starlette", "uvicorn", "anyio"}
            and room_of(name_of(path)) != "dashboard"] == []


def test_processes_of_tasks_are_in_one_room():
    """Nothing else of the Worker starts a process."""
    assert [
        path for path in (PACKAGE / "worker").rglob("*.py")
        if "Popen(" in path.read_text() and path.parent.name != "processes"
    ] == []


def test_processes_do_not_talk_to_the_network():
    """Nothing that they need does so either."""
    assert [name for name in OURS
            if name.startswith("mapreduce.worker.processes")
            and "mapreduce.utils.network" in needs_of(name)] == []


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_module_has_one_subject(path):
    """It opens with a sentence on it, and is not too long."""
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= MAX_LINES


def test_compiled_loops_are_one_short_file():
    """They do what a few loops in Python do, so they stay as small."""
    [path] = PACKAGE.rglob("*.c")
    assert len(path.read_text().splitlines()) <= MAX_LINES_OF_C


@pytest.mark.parametrize("name", ["manager", "worker"])
def test_room_is_not_crowded(name):
    """At its root there are few files; others have rooms of their own."""
    assert len(list((PACKAGE / name).glob("*.py"))) <= MAX_FILES


def test_top_of_the_repository():
    """It holds what is asked for and nothing else."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone")
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True,
        text=True).stdout
    assert {line.split("/")[0] for line in listing.splitlines()} == TOP

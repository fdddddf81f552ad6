"""Every command line of every page is run, and does what the page shows."""
import concurrent.futures

import pytest

from tests.support import pages
from tests.support.commands import no_other_cluster
from tests.support.files import ROOT
from tests.support.sandbox import (
    STAND_INS,
    Sandbox,
    has_namespaces,
    needs_namespaces,
)

# The wait until no other test uses bin/mapreduce has no limit.
pytestmark = pytest.mark.timeout(300, func_only=True)

# They wait more than they compute: for ports, for heartbeats that do not come.
PAGES_AT_A_TIME = 4

# The longest one first.
PAGES = sorted(pages.pages(), key=lambda page: page.stem != "faults")


def steps_of(page):
    """Return what a reader of a page does."""
    return list(pages.steps_of((ROOT / page).read_text()))


def commands_of(page):
    """Return the command lines of a page."""
    return [step for step in steps_of(page)
            if isinstance(step, pages.Command)]


def can_run(page):
    """Return whether the commands of a page would disturb no other process."""
    return has_namespaces() or not needs_namespaces(commands_of(page))


def run(page, directory):
    """Run the commands of a page; return what is wrong."""
    return Sandbox(directory).run(steps_of(page))


@pytest.fixture(name="runs", scope="module")
def _runs(request, tmp_path_factory):
    """What is wrong with each page, as futures: they are run side by side."""
    selected = [item.callspec.params["page"] for item in request.session.items
                if item.path == request.path and "runs" in item.fixturenames]
    selected = list(filter(can_run, selected))
    with (
        no_other_cluster(),
        concurrent.futures.ThreadPoolExecutor(PAGES_AT_A_TIME) as executor,
    ):
        yield {
            page: executor.submit(
                run, page, tmp_path_factory.mktemp("page") / "mapreduce")
            for page in selected}


@pytest.mark.parametrize("page", [
    # Ten seconds go by before a silent Worker is marked dead.
    pytest.param(page, marks=[pytest.mark.slow] * (page.stem == "faults"))
    for page in PAGES if commands_of(page)], ids=str)
def test_every_command_line_works(page, runs):
    """It ends as the page says, and prints what the page shows."""
    if not can_run(page):
        pytest.skip("fixed ports need namespaces, which this system refuses")
    problems = runs[page].result()
    assert not problems, "\n\n".join([str(page), *problems])


def test_stand_ins_are_for_commands_that_are_shown():
    """None is left of a command that has gone."""
    shown = {command.text for page in PAGES for command in commands_of(page)}
    assert STAND_INS.keys() - shown == set()


@pytest.mark.parametrize("command, problem", [
    ("$ true", None),
    ("$ echo a\n    a", None),
    ("$ echo a\n    b", "printed:\na"),
    ("$ exit_with() { return $1; }; exit_with 3", "exit code 3"),
    ("$ echo Error: a; false\n    Error: a", None),
    ("$ echo Error: a\n    Error: a", "exit code 0"),
])
def test_command_is_judged(tmp_path, command, problem):
    """By its exit code, and by its output if there is one on the page."""
    steps = pages.steps_of(f"    {command}\n")
    problems = Sandbox(tmp_path / "mapreduce").run(steps)
    assert [problem in text for text in problems] == [True] * bool(problem)

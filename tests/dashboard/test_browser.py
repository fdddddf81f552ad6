"""The dashboard in a real browser, with real daemons."""
import pytest

from tests.support.cluster import REDUCER
from tests.support.files import write_executable
from tests.support.waiting import Gate, wait_until

# On a machine with a load, all of this is slow.
TIMEOUT = 100_000  # milliseconds

pytestmark = pytest.mark.timeout(300, func_only=True)


def wait_for_title(page, words):
    """Wait until the title of a page holds some words."""
    page.wait_for_function(
        "words => document.title.includes(words)", arg=words, timeout=TIMEOUT)


@pytest.fixture(name="second_gate")
def _second_gate(tmp_path):
    with Gate(tmp_path / "second-gate") as gate:
        yield gate


@pytest.fixture(name="waiting_job")
def _waiting_job(watched, tmp_path, gate):
    """A job whose mappers wait at the gate."""
    cluster, _ = watched
    mapper = write_executable(tmp_path / "map", f"#!/bin/sh\n{gate.line}\ncat")
    cluster.submit(tmp_path / "output", mapper_executable=str(mapper))
    yield
    gate.open()


def test_bars_of_a_job_move(watched, page, tmp_path, gate, second_gate):
    """Nothing has to be loaded again."""
    cluster, _ = watched
    mapper = write_executable(tmp_path / "map", f"#!/bin/sh\n{gate.line}\ncat")
    reducer = write_executable(
        tmp_path / "reduce", f"#!/bin/sh\n{second_gate.line}\ncat")
    page.evaluate("window.isTheSame = true")
    cluster.submit(tmp_path / "output", mapper_executable=str(mapper),
                   reducer_executable=str(reducer))
    wait_for_title(page, "1 running")
    bars = page.locator("progress")
    assert [bars.nth(number).get_attribute("value") for number in (0, 1)] == [
        "0", "0"]
    gate.open()
    page.locator("progress[value='2']").wait_for(timeout=TIMEOUT)
    assert bars.nth(1).get_attribute("value") == "0"
    second_gate.open()
    wait_for_title(page, "idle")
    assert page.evaluate("window.isTheSame")
    assert page.locator("td .chip.done").count() >= 1


def test_timeline_has_an_element_for_each_attempt(watched, page, tmp_path):
    """Also for those that failed."""
    cluster, _ = watched
    fails = write_executable(tmp_path / "map", "#!/bin/sh\nexit 3")
    cluster.submit(tmp_path / "output", mapper_executable=str(fails),
                   num_mappers=1)
    page.get_by_role("link", name="failed").first.click(timeout=TIMEOUT)
    wait_for_title(page, "failed")
    assert page.locator(".bars rect.map.failed").count() == 4
    assert page.locator(".bars rect").count() == 4
    assert "exited 3" in page.locator("section.note pre").inner_text()


def test_job_can_be_cancelled(page, waiting_job):
    """After a question."""
    page.get_by_role("link", name="Cancel").click(timeout=TIMEOUT)
    page.get_by_role("button", name="Cancel job").click()
    wait_for_title(page, "cancelled")


@pytest.mark.parametrize("path", ["", "jobs/0"])
def test_page_is_as_wide_as_a_telephone(watched, page, path):
    page.set_viewport_size({"width": 375, "height": 700})
    page.goto(watched[1] + path)
    assert page.evaluate("document.documentElement.scrollWidth") == 375


def test_page_is_dark_where_the_browser_is(page):
    def brightness():
        color = page.evaluate("getComputedStyle(document.body)."
                              "backgroundColor")
        return sum(map(int, color.strip("rgb()").split(",")))

    page.emulate_media(color_scheme="light")
    light = brightness()
    page.emulate_media(color_scheme="dark")
    assert brightness() < 100 < 600 < light


def test_content_is_reached_by_keyboard(page):
    """The first key leads past the head of the page."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == (
        "Skip to the content")


def test_page_works_without_scripts(chromium, watched, waiting_job):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()

    def is_running():
        page.goto(watched[1])
        return "running" in page.title()

    assert wait_until(is_running)
    assert page.locator("progress").count() == 2
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("button", name="Cancel job").click()
    assert "/jobs/" in page.url
    context.close()


def test_worker_that_dies_is_shown(watched, page, tmp_path):
    """As soon as the Manager notices it."""
    cluster, _ = watched
    cluster.kill_worker(1)
    cluster.submit(tmp_path / "output", reducer_executable=REDUCER)
    page.locator("tr.dead .chip.dead").wait_for(timeout=TIMEOUT)
    page.get_by_text(f"Worker localhost:{cluster.workers[1].port} died"
                     ).wait_for(timeout=TIMEOUT)


def test_manager_that_is_away_is_told_until_it_is_back(watched, page):
    cluster, _ = watched
    cluster.manager.process.kill()
    cluster.manager.process.wait()
    page.get_by_text("The Manager can’t be reached.").wait_for(timeout=TIMEOUT)
    cluster.start_manager()
    page.get_by_text("The Manager can’t be reached.").wait_for(
        state="detached", timeout=TIMEOUT)
    page.get_by_text("No job was submitted yet").wait_for(timeout=TIMEOUT)

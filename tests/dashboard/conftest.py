"""A real browser, and a dashboard of real processes."""
import shutil

import pytest

from tests.support.clients import process
from tests.support.cluster import Cluster

# On a machine with a load, a browser is slow.
TIMEOUT = 100_000  # milliseconds
# Debian's, and those of other systems.
CHROMIUM = "chromium", "chromium-browser", "google-chrome"


@pytest.fixture(name="chromium", scope="module")
def _chromium():
    """A browser without a window."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="pip install playwright")
    with playwright.sync_playwright() as driver:
        # Its sandbox needs rights that containers do not have. It visits only
        # the dashboard.
        browser = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox"], timeout=TIMEOUT)
        yield browser
        browser.close()


@pytest.fixture(name="watched", scope="module")
def _watched(tmp_path_factory):
    """A cluster with two Workers, and the address of its dashboard."""
    with Cluster(tmp_path_factory.mktemp("watched") / "cluster") as cluster:
        cluster.start(2)
        with process("dashboard", cluster.port, "--listen", "127.0.0.1:0",
                     text=True) as dashboard:
            line = dashboard.stdout.readline()
            yield cluster, line.rpartition(" ")[2].strip()


@pytest.fixture(name="page")
def _page(chromium, watched):
    """A page of the dashboard that no message and no foreign request has."""
    _, address = watched
    context = chromium.new_context()
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    seen = []
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(
        address) else seen.append(request.url))
    page.goto(address)
    yield page
    context.close()
    assert seen == []

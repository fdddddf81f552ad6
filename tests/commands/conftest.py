"""What the tests of all commands share."""
import pytest


@pytest.fixture(autouse=True)
def _haste(mocker):
    """Look often, so that tests are quick."""
    mocker.patch("mapreduce.client.progress.POLL_INTERVAL", 0.001)
    mocker.patch("mapreduce.status.WATCH_INTERVAL", 0.001)

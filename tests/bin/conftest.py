"""What the tests of the scripts share."""
import os
import sys

import pytest

from tests.benchmark import corpora
from tests.support.commands import no_other_cluster
from tests.support.init_script import (
    NOT_RUNNING,
    PORTS,
    InitScript,
    daemons_of_this_user,
)
from tests.support.ports import answers


@pytest.fixture(autouse=True)
def _small_vocabulary(monkeypatch):
    """Make the corpora of text quickly."""
    monkeypatch.setattr(corpora, "VOCABULARY_SIZE", 20_000)


@pytest.fixture(name="alone")
def _alone():
    """The init script is used by one test at a time, also of several runs."""
    with no_other_cluster():
        yield


@pytest.fixture(name="script")
def _script(tmp_path):
    """The init script; the commands are those of this interpreter."""
    return InitScript(tmp_path, os.pathsep.join(
        [os.path.dirname(sys.executable), os.environ["PATH"]]))


@pytest.fixture(name="mapreduce")
def _mapreduce(alone, script, tmp_path, monkeypatch):
    """The init script on a machine where no daemon of this user runs."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # The killed leave files.
    if found := daemons_of_this_user():
        pytest.skip(f"this user runs already: {' '.join(found[0])}")
    if script("status") != NOT_RUNNING:
        pytest.skip("a Manager or a Worker of this user runs already")
    if any(map(answers, PORTS)):
        pytest.skip("one of the ports 6000 to 6002 is in use")
    yield script
    script("stop")

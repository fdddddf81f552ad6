"""Each test is of one kind, and can be run by it."""
import os
import re
import socket
import subprocess
import sys

import pytest

from tests.support.files import ROOT
from tests.support.kinds import KIND_OF_PATH, KINDS


def test_each_test_has_one_kind(request):
    assert {item.nodeid: kinds for item in request.session.items
            if len(kinds := KINDS & {
                marker.name for marker in item.iter_markers()}) != 1} == {}


def test_places_of_kinds_are_there():
    assert [place for place in KIND_OF_PATH
            if not (ROOT / "tests" / place).exists()] == []


def test_no_test_module_is_imported():
    """What tests share is in tests/support/."""
    pattern = re.compile(r"^\s*(from|import) tests\.?\S* ?.*\btest_", re.M)
    assert [path for path in (ROOT / "tests").rglob("*.py")
            if pattern.search(path.read_text())] == []


def test_no_module_of_tests_is_long():
    """More than 350 lines are two subjects."""
    assert [path for path in (ROOT / "tests").rglob("*.py")
            if len(path.read_text().splitlines()) > 350] == []


@pytest.mark.parametrize("kind, act", [
    ("pure", lambda path: os.mkdir(path)),
    ("pure", lambda path: socket.socket().close()),
    ("pure", lambda path: subprocess.run([sys.executable, "--version"],
                                         stdout=subprocess.DEVNULL)),
    ("files", lambda path: socket.create_server(("localhost", 0)).close()),
], ids=["directory", "socket", "process", "server"])
def test_test_of_another_kind_fails(watch, tmp_path, kind, act):
    with pytest.raises(AssertionError, match=f"this is no {kind} test"):
        with watch.test_of(kind):
            act(tmp_path / "new")

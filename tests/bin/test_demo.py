"""bin/demo: what it shows, and that it leaves nothing behind."""
import contextlib
import os
import re
import signal
import subprocess

import pytest

from tests.support.files import ROOT
from tests.support.waiting import TIMEOUT


@pytest.fixture(name="demo")
def _demo():
    """The demonstration, just started, in a session of its own.

    Its standard output ends when it and all that it has started are gone.
    """
    if not (ROOT / "env/.installed").exists():
        pytest.skip("bin/demo would install the package first")
    with subprocess.Popen(
            ["bin/demo"], cwd=ROOT, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            start_new_session=True) as process:
        yield process
        with contextlib.suppress(ProcessLookupError):  # So it should be.
            os.killpg(process.pid, signal.SIGKILL)


def test_demo(demo):
    """It shows ten words, says that all is right, and leaves nothing."""
    stdout, stderr = demo.communicate(timeout=TIMEOUT)
    assert demo.returncode == 0, stderr
    assert re.fullmatch(r"Done in \d+\.\d s: \d+ parts in var/demo/output",
                        stderr.splitlines()[-1])
    lines = stdout.splitlines()
    assert lines[:2] == ["Counting the words of tests/testdata/input ...",
                         "The ten most frequent words:"]
    counts = [int(line.split("\t")[1]) for line in lines[2:-1]]
    assert len(counts) == 10
    assert counts == sorted(counts, reverse=True)
    assert lines[-1] == "It equals that of: cat | map | sort | reduce"


@pytest.mark.parametrize("number, code", [
    (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("everybody", [True, False])
def test_demo_is_interrupted(demo, number, code, everybody):
    """Whether all its processes hear it or not; it leaves nothing, too."""
    while not demo.stdout.readline().startswith("Counting"):
        pass
    (os.killpg if everybody else os.kill)(demo.pid, number)
    stdout, stderr = demo.communicate(timeout=TIMEOUT)
    assert (demo.returncode, stdout) == (code, "")
    assert "Traceback" not in stderr

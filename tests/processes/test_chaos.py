"""Half a minute of random faults; see tests/support/chaos.py."""
import subprocess
import sys

import pytest

from tests.support.files import ROOT


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_half_a_minute_of_chaos():
    """The seed is another one each time; a failure tells it."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.support.chaos", "--seconds", "30"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False)
    assert result.returncode == 0, result.stdout

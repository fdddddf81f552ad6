"""Random faults for some seconds; see tests/support/chaos.py."""
import subprocess
import sys

import pytest

from tests.support.files import ROOT
from tests.support.namespaces import needs_namespaces


@pytest.mark.slow
@pytest.mark.parametrize("options", [
    [], pytest.param(["--signed", "--outages"], marks=needs_namespaces)],
    ids=["plain", "signed"])
def test_some_seconds_of_chaos(options):
    """The seed is another one each time; a failure tells it."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.support.chaos", "--seconds", "7",
         *options], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False)
    assert result.returncode == 0, result.stdout

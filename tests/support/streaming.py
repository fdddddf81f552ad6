"""Run mapreduce-streaming in the process of a test."""
from click.testing import CliRunner

from mapreduce import streaming
from tests.support.files import EXECUTABLES, TESTDATA

INPUT = str(TESTDATA / "input")
MAPPER = str(EXECUTABLES / "wc_map.sh")
REDUCER = str(EXECUTABLES / "wc_reduce.sh")
REQUIRED = ["-input", INPUT, "-output", "output", "-mapper", MAPPER]


def start(*options):
    """Run the command in this process."""
    outcome = CliRunner().invoke(streaming.main, options)
    assert outcome.exception is None or isinstance(
        outcome.exception, SystemExit), outcome.exception
    return outcome.exit_code, outcome.stdout, outcome.stderr

"""The init script bin/mapreduce: its help, and wrong words after it."""
import pytest

from tests.support.files import ROOT


@pytest.mark.parametrize("arguments", [
    [], ["begin"], ["start", "1", "2"], ["start", "--unknown"], ["stop", "1"],
    ["kill-worker"], ["status", "--port"]])
def test_wrong_usage(script, arguments):
    """One line lists the commands."""
    assert script(*arguments) == (
        f"Usage: {ROOT}/bin/mapreduce "
        "(start|stop|restart|status|add-worker|kill-worker PORT); --help "
        "tells more\n", 1)


@pytest.mark.parametrize("arguments", [["--help"], ["start", "--help"]])
def test_help(script, arguments):
    text, code = script(*arguments)
    assert (code, text.splitlines()[0]) == (
        0, f"Usage: {ROOT}/bin/mapreduce COMMAND [--port PORT]")
    for command_name in ("start [N]", "add-worker", "--respawn"):
        assert command_name in text


@pytest.mark.parametrize("arguments, what", [
    (["status", "--port", "0"], "0 is not a port from 1 to 65535"),
    (["status", "--port=x"], "x is not a port from 1 to 65535"),
    (["start", "many"], "many is not a number of Workers"),
    (["add-worker", "--port", "1"], "no mapreduce-manager runs on port 1"),
])
def test_wrong_values(script, arguments, what):
    assert script(*arguments) == (f"Error: {what}\n", 1)

"""Messages that can't be sent: for want of a receiver, or of something."""
import errno

import pytest

from mapreduce.protocol.messages import ShutdownMessage
from mapreduce.utils import network, outbox

LACK = OSError(errno.EMFILE, "Too many open files")
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


@pytest.fixture(name="sent")
def _sent(mocker):
    """A mock: its outcomes are those of the sends."""
    return mocker.patch("mapreduce.utils.network.tcp_client")


@pytest.mark.parametrize("outcomes, waits, has_arrived", [
    ([None], 0, True), ([LACK, LACK, None], 2, True), ([REFUSED], 0, False),
    ([LACK, REFUSED], 1, False), ([network.MessageTooLong("x")], 0, False),
])
def test_own_lack_says_nothing_of_the_receiver(
        sent, outcomes, waits, has_arrived):
    """The message is sent again after a wait; a refusal is the end."""
    sent.side_effect = outcomes
    waited = []

    def wait():
        waited.append(True)
        return True

    assert outbox.try_to_send(
        "localhost", 7000, ShutdownMessage(), wait) == has_arrived
    assert (len(waited), sent.call_count) == (waits, len(outcomes))


def test_sender_that_ends_does_not_try_again(sent):
    sent.side_effect = LACK
    assert not outbox.try_to_send(
        "localhost", 7000, ShutdownMessage(), lambda: False)
    assert sent.call_count == 1

"""What a Worker sends of what its executables say, and when."""
import threading

import pytest

from mapreduce.protocol.extensions import ProgressMessage
from mapreduce.worker import progress_sender
from mapreduce.worker.progress_sender import ProgressSender

WAIT = 60.0  # seconds for what is only late if it never comes


def message(status):
    return ProgressMessage(0, "localhost", 6001, status)


class Manager:
    """Takes messages, each when the test lets it."""

    def __init__(self):
        self.taken = []
        self.came = threading.Semaphore(0)
        self.may_go_on = threading.Semaphore(0)

    def take(self, taken):
        """Take a message, slowly."""
        self.taken.append(taken.status)
        self.came.release()
        assert self.may_go_on.acquire(timeout=WAIT)


@pytest.fixture(name="manager")
def _manager():
    return Manager()


@pytest.fixture(name="sender")
def _sender(manager, mocker):
    mocker.patch.object(progress_sender, "INTERVAL", 0.0)
    stop = threading.Event()
    threads = []

    def start(run):
        threads.append(threading.Thread(target=run))
        threads[-1].start()

    sender = ProgressSender(manager.take, start, stop)
    yield sender
    manager.may_go_on.release(100)
    stop.set()
    sender.close()
    for thread in threads:
        thread.join(WAIT)
        assert not thread.is_alive()
    assert len(threads) <= 1


def test_offer_does_not_wait_for_the_manager(manager, sender):
    sender.offer(message("one"))
    assert manager.came.acquire(timeout=WAIT)
    sender.offer(message("two"))  # The first is still being sent.
    assert manager.taken == ["one"]


def test_newest_message_is_sent_next(manager, sender):
    sender.offer(message("one"))
    assert manager.came.acquire(timeout=WAIT)
    sender.offer(message("two"))
    sender.offer(message("three"))
    manager.may_go_on.release()
    assert manager.came.acquire(timeout=WAIT)
    assert manager.taken == ["one", "three"]


def test_flush_sends_what_waits_after_what_is_being_sent(
        manager, sender, mocker):
    mocker.patch.object(progress_sender, "INTERVAL", 60.0)
    sender.offer(message("one"))
    assert manager.came.acquire(timeout=WAIT)
    sender.offer(message("two"))
    manager.may_go_on.release(2)
    sender.flush()
    assert manager.taken == ["one", "two"]


def test_discarded_message_is_not_sent(manager, sender, mocker):
    mocker.patch.object(progress_sender, "INTERVAL", 60.0)
    sender.offer(message("one"))
    assert manager.came.acquire(timeout=WAIT)
    sender.offer(message("two"))
    assert sender.discard() == message("two")
    manager.may_go_on.release()
    sender.flush()
    assert manager.taken == ["one"]


def test_nothing_to_send_needs_no_thread(sender):
    sender.flush()

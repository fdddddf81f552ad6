"""mapreduce-run and a signal at each moment: a whole result, or none."""
import itertools
import pathlib
import signal
import sys

import pytest

from tests.support.files import in_order, names_in
from tests.support.local_run import expected

pytestmark = pytest.mark.skipif(
    not pathlib.Path("/proc/self/task").exists(),
    reason="children are found by /proc")

# Runs the command, and sends itself the signal at one moment of its run.
INTERRUPTED_AT = """
import atexit, os, signal, sys
from mapreduce import run
from mapreduce.client import progress
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.engines import local
from mapreduce.engines.local_cluster import LocalCluster

def interrupt():
    os.kill(os.getpid(), {number})

def interrupt_before(owner, name, condition=lambda *_: True):
    function = getattr(owner, name)
    def interrupted(*args, **kwargs):
        if condition(*args):
            interrupt()
        return function(*args, **kwargs)
    setattr(owner, name, interrupted)

def interrupt_after(owner, name, condition=lambda result: True):
    function = getattr(owner, name)
    def interrupted(*args, **kwargs):
        result = function(*args, **kwargs)
        if condition(result):
            interrupt()
        return result
    setattr(owner, name, interrupted)

{moment}
run.main(sys.argv[1:])
"""

BEFORE_THE_END = {
    "as the cluster starts": "interrupt_before(LocalCluster, 'start')",
    "as a Worker starts": "interrupt_before(LocalCluster, '_add_worker')",
    "before the job is sent": "interrupt_before(RemoteManager, 'send')",
    "after the job was sent": "interrupt_after(RemoteManager, 'send')",
    "before the first look": "interrupt_before(progress, 'follow')",
}
AFTER_THE_END = {
    "before it is seen that the job is done": "interrupt_after("
    "RemoteManager, 'status', lambda it: any(job.ended for job in it.jobs))",
    "when it is seen": "interrupt_after(progress, 'follow')",
    "before the counters are asked for":
    "interrupt_before(progress, 'show_counters')",
    "after them": "interrupt_after(progress, 'show_counters')",
    "before the cluster ends": "interrupt_before(LocalCluster, 'end')",
    "when the cluster has ended": "interrupt_after(LocalCluster, 'end')",
    "before the last line": "interrupt_before(progress, 'check')",
    "while Python ends": "atexit.register(interrupt)",
}


@pytest.fixture(name="interrupted_at")
def _interrupted_at(run):
    """Return a function: run a job, interrupted at a moment."""
    def interrupted_at(moment, number=signal.SIGTERM):
        code = INTERRUPTED_AT.format(moment=moment, number=int(number))
        return run(program=(sys.executable, "-c", code))
    return interrupted_at


@pytest.mark.parametrize("moment", BEFORE_THE_END)
def test_interrupted_run_leaves_no_result(run, interrupted_at, moment):
    """Its exit code is that of the signal; its last line says so."""
    code, stderr = interrupted_at(BEFORE_THE_END[moment])
    assert (code, stderr.splitlines()[-1]) == (
        143, "Interrupted: nothing is left in output")
    assert names_in(run.temporary) == []
    assert not run.output.exists()


# The program handles both alike, so each moment needs only one of them.
@pytest.mark.parametrize("moment, number", [*zip(
    AFTER_THE_END, itertools.cycle([signal.SIGTERM, signal.SIGINT]))])
def test_signal_after_the_end_of_the_job_changes_nothing(
        run, interrupted_at, moment, number):
    """The result is complete and stays, so the exit code is 0."""
    code, stderr = interrupted_at(AFTER_THE_END[moment], number)
    assert (code, stderr.splitlines()[-1].startswith("Done in ")) == (0, True)
    assert names_in(run.temporary) == []
    assert in_order(run.result()) == expected()

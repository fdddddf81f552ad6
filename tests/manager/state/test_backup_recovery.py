"""The map output of a backup attempt after an interruption."""
import pathlib

import pytest

from mapreduce.manager.scheduling import events
from mapreduce.protocol import messages
from tests.support.backup_worlds import ALL
from tests.support.manager_shell import HOST, Shell
from tests.support.scheduler_world import extended_job

NAMES = "maptask00000-part00000", "maptask00001-part00000"


@pytest.fixture(name="shell")
def _shell(tmp_path, monkeypatch):
    """A Manager whose Worker 1 has a backup attempt of map task 1."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a").write_text("a\n")
    shell = Shell(tmp_path / "state")
    shell.submit(extended_job(
        environment=None, num_mappers=2, max_mappers=None,
        map_speculative=True))
    shell.register(1)
    shell.register(2)
    scheduler = shell._scheduler
    for worker in scheduler.workers:
        shell.happen(events.CapabilitiesKnown(worker, ALL))
    shell.finish_task()
    handle = scheduler.handle
    monkeypatch.setattr(
        scheduler, "handle", lambda event, now: handle(event, now + 5))
    return shell


@pytest.mark.parametrize("is_moved", [False, True])
def test_map_output_of_a_backup_attempt_is_found(shell, tmp_path, is_moved):
    """At the end of the stage, it is moved; until then, it is not."""
    (backup,) = shell.happen(events.Tick())
    directory = pathlib.Path(backup.output_directory)
    (directory / NAMES[1]).write_text("backup")
    # What the other attempt leaves is not taken for it.
    (directory.parent / NAMES[1]).write_text("first!")
    shell.happen(messages.FinishedMessage(1, HOST, 1))
    if is_moved:
        shell.happen(messages.FailedMessage(1, HOST, 2, "cancelled"))
    shell.recorder._commit()
    shell.kill()
    shell = Shell(tmp_path / "state")
    (task,) = shell.register(1)
    shell.kill()
    assert isinstance(task, messages.ReduceTaskMessage)
    assert [pathlib.Path(path).read_text() for path in task.input_paths] == [
        NAMES[0], "backup"]

"""The files of a job whose next Manager keeps them in another place."""
import errno
import os

from tests.support.manager_shell import Shell
from tests.support.scheduler_world import job


def test_map_output_moves_to_another_file_system(tmp_path, monkeypatch):
    """No rename can lead there."""
    monkeypatch.chdir(tmp_path)
    for name in ("in", "shared"):
        (tmp_path / name).mkdir()
    (tmp_path / "in/a").write_text("a\n")
    shell = Shell(tmp_path / "state", parent=tmp_path / "shared")
    shell.submit(job(2, 1))
    shell.register(1)
    shell.finish_task()
    shell.kill()
    rename = os.rename

    def refuse(source, target):
        if "maptask" in os.path.basename(source):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(source, target)
    monkeypatch.setattr(os, "rename", refuse)
    shell = Shell(tmp_path / "state")
    (task,) = shell.register(1)
    shell.kill()
    assert task.task_id == 1
    assert os.listdir(os.path.dirname(task.output_directory)) == ["job-00000"]
    assert len(os.listdir(task.output_directory)) == 1
    assert os.listdir("shared") == []

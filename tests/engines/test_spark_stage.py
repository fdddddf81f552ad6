"""Tasks in an executor of Spark, without Spark."""
import platform

import pytest

from mapreduce.engines.spark_stage import OF_PYSPARK, Failure, SparkTasks
from mapreduce.manager.scheduling.plan import Plan
from mapreduce.protocol.extensions import ExtendedJobMessage
from tests.support.files import names_in


@pytest.mark.parametrize("missing, what", [
    ("out", "output directory"), ("logs", "directory for logs")])
def test_host_that_does_not_see_a_directory(
        tmp_path, temporary, monkeypatch, missing, what):
    """It is named, and the task leaves nothing there."""
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(temporary))
    for name in OF_PYSPARK:
        monkeypatch.delenv(name, raising=False)
    for name in {"out", "logs"} - {missing}:
        (tmp_path / name).mkdir()
    before = names_in(tmp_path)
    job = ExtendedJobMessage(
        input_paths=["in"], output_directory="out", mapper_executable="cat",
        num_reducers=0, num_mappers=1, logs=str(tmp_path / "logs"))
    tasks = SparkTasks(
        Plan("1_0000", job, "", [], str(tmp_path / "out")), str(tmp_path))
    with pytest.raises(Failure) as caught:
        list(tasks.map(0, 0, ()))
    assert str(caught.value) == (
        f'mapreduce failure: ["map", 0, 1, "the host {platform.node()} does '
        f"not see the {what} '{tmp_path / missing}': all hosts must share "
        'it"]')
    assert names_in(tmp_path) == before
    assert names_in(temporary) == []

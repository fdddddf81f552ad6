"""Name the variables that tell executables about their task, as in Hadoop."""
from __future__ import annotations

from collections.abc import Mapping

# By the present name of each variable, its old one.
OLD_NAMES = {
    "mapreduce_job_id": "mapred_job_id",
    "mapreduce_job_maps": "mapred_map_tasks",
    "mapreduce_job_name": "mapred_job_name",
    "mapreduce_job_reduces": "mapred_reduce_tasks",
    "mapreduce_map_input_file": "map_input_file",
    "mapreduce_map_input_length": "map_input_length",
    "mapreduce_map_input_start": "map_input_start",
    "mapreduce_output_fileoutputformat_outputdir": "mapred_output_dir",
    "mapreduce_task_attempt_id": "mapred_task_id",
    "mapreduce_task_id": "mapred_tip_id",
    "mapreduce_task_is_map": "mapred_task_is_map",
    "mapreduce_task_output_dir": "mapred_work_output_dir",
    "mapreduce_task_partition": "mapred_task_partition",
}


def old_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that have old names, by these."""
    return {OLD_NAMES[name]: value for name, value in variables.items()
            if name in OLD_NAMES}

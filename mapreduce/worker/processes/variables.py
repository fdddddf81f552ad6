"""Make the environment of executables, with what Hadoop tells a task."""
from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from mapreduce.protocol.signing import SECRET_VARIABLE

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


class Environment:
    """The variables that the executables of a task get."""

    def __init__(self, given: Mapping[str, str]) -> None:
        """Use the variables of a task, which override all others.

        Without any, the environment is that of this process, unchanged, as
        the specification demands. But it never tells an executable which file
        has the secret of the cluster.
        """
        self.given = given
        # Of all executables of the task.
        self.of_task: dict[str, str] = {}
        # Names that no executable sees; their old ones are hidden, too.
        self.hidden: Collection[str] = ()

    def variables(
        self, names: Mapping[str, str] | None = None
    ) -> dict[str, str] | None:
        """Return all variables; None: those of this process.

        `names` are of one process only.
        """
        inherited = dict(os.environ)
        has_secret = inherited.pop(SECRET_VARIABLE, None) is not None
        if not self.given:
            return inherited if has_secret else None
        # In this order: a variable of the user overrides all others.
        own = {**self.of_task, **(names or {}), **self.given}
        hidden = {*self.hidden, *(
            OLD_NAMES[name] for name in self.hidden if name in OLD_NAMES)}
        return {name: value for name, value in {
            **inherited, **old_variables(own), **own}.items()
                if name not in hidden}

"""The submission of a job in the directories that a test has made."""
import dataclasses

from mapreduce.protocol.messages import ManagerJobMessage, extended_job


def job(place, **changes):
    """Return a job in this place, but for the fields given."""
    fields = {
        "input_directory": f"{place}/input",
        "output_directory": f"{place}/output",
        "mapper_executable": f"{place}/programs/map",
        "reducer_executable": f"{place}/programs/reduce",
        "num_mappers": 1,
        "num_reducers": 1,
    }
    specified = {name: changes.pop(name, value)
                 for name, value in fields.items()}
    return dataclasses.replace(
        extended_job(ManagerJobMessage(**specified)), **changes)

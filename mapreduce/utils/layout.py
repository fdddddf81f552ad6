"""The names of the directories and files of a job, as the spec gives them.

Names only: nothing here looks at a disk.
"""
SHARED_DIRECTORY_PREFIX = "mapreduce-shared-"


def job_directory(job_id: int) -> str:
    """Return, e.g., job-00000: the map output of a job, until it ends."""
    return f"job-{job_id:05d}"


def map_output(task_id: int, partition: int) -> str:
    """Return, e.g., maptask00001-part00000."""
    return f"maptask{task_id:05d}-part{partition:05d}"


def reduce_output(task_id: int) -> str:
    """Return, e.g., part-00000."""
    return f"part-{task_id:05d}"


def local_directory_prefix(task_id: int) -> str:
    """Return, e.g., mapreduce-local-task00001- (a Worker's own)."""
    return f"mapreduce-local-task{task_id:05d}-"

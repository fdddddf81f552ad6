"""Jobs with options in the world of a Scheduler, and what is seen of them."""
from mapreduce.protocol.extensions import ProgressMessage
from tests.support.scheduler_world import HOST, extended_job


def submit(world, **options):
    """Submit a job with options."""
    return world.happen(extended_job(**options))


def tell(world, task_id, port, status):
    """Let a Worker tell what its task says of itself."""
    return world.happen(ProgressMessage(task_id, HOST, port, status))


def jobs_of(world):
    """Return the status of each job."""
    return world.scheduler.snapshot(world.now).status(world.now).jobs


def reasons_of(world):
    """Return the state of each job, and why it failed."""
    return [(status.state, status.reason) for status in jobs_of(world)]


def statuses_of(world):
    """Return what each task says of itself."""
    return [task.message for task in world.scheduler.details(0, 0.0).tasks]


def counters_of(world, job_id=0):
    """Return what a job has counted."""
    return world.scheduler.details(job_id, 0.0).counters

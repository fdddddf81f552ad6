"""What the Master of the 2017 dialect decides."""
import logging

import pytest

from mapreduce.manager.scheduling import events
from mapreduce.protocol import messages
from mapreduce.protocol import messages_2017 as dialect
from tests.support.world_2017 import World


@pytest.fixture(name="world")
def make_world():
    """Return a Scheduler with nothing in it."""
    return World()


def errors(caplog):
    """Return what was logged at ERROR."""
    return [record.getMessage() for record in caplog.records
            if record.levelno == logging.ERROR]


def test_job_runs_through_its_three_stages(world):
    assert world.register(1, 2) == []
    assert world.submit() == [
        "folders 0", "inputs 0", "map a,c → 1", "map b → 2"]
    assert world.finish(2) == []
    assert world.finish(1) == ["sort a,c → 1", "sort b → 2"]
    assert world.finish(1, 2) == [
        "cut 0", "reduce input_0 → 1", "reduce input_1 → 2"]
    assert world.finish(1, 2) == ["publish 0"]


def test_messages_of_a_job(world):
    world.register(7)
    world.submit(num_mappers=1, num_reducers=1)
    world.finish(7)
    world.finish(7)
    world.finish(7)
    folder = "var/job-0"
    mapped = [f"{folder}/mapper-output/{name}" for name in "abc"]
    assert world.sent == [
        dialect.WorkerJobMessage(
            ["in/a", "in/b", "in/c"], "map", f"{folder}/mapper-output", 7),
        dialect.SortJobMessage(mapped, f"{folder}/grouper-output/sorted_0", 7),
        dialect.WorkerJobMessage(
            [f"{folder}/grouper-output/input_0"], "reduce",
            f"{folder}/reducer-output", 7)]
    _, cut, publish = world.steps
    assert cut.paths == [f"{folder}/grouper-output/sorted_0"]
    assert cut.targets == [f"{folder}/grouper-output/input_0"]
    assert publish.paths == [f"{folder}/reducer-output/input_0"]
    assert publish.names == ["input_0"]


def test_names_of_2020():
    world = World("f20")
    world.register(7)
    world.submit(num_mappers=1, num_reducers=2)
    world.finish(7)
    world.finish(7)
    world.finish(7)
    world.finish(7)
    folder = "tmp/job-0"
    _, cut, publish = world.steps
    assert cut.paths == [f"{folder}/grouper-output/sorted01"]
    assert cut.targets == [f"{folder}/grouper-output/reduce01",
                           f"{folder}/grouper-output/reduce02"]
    assert publish.paths == [f"{folder}/reducer-output/reduce01",
                             f"{folder}/reducer-output/reduce02"]
    assert publish.names == ["outputfile01", "outputfile02"]


def test_tasks_without_files_are_not_sent(world):
    world.register(1)
    assert world.submit(num_mappers=9)[2:] == ["map a → 1"]
    assert world.finish(1) == ["map b → 1"]
    assert world.finish(1) == ["map c → 1"]
    assert world.finish(1) == ["sort a,b,c → 1"]


def test_no_more_sort_tasks_than_map_outputs(world):
    world.register(1, 2, 3, 4)
    world.submit(num_mappers=1)
    assert world.finish(1) == ["sort a → 1", "sort b → 2", "sort c → 3"]


def test_job_without_input(world):
    world.inputs = []
    world.register(1)
    assert world.submit(num_reducers=1) == [
        "folders 0", "inputs 0", "cut 0", "reduce input_0 → 1"]
    assert world.steps[1].paths == []


def test_job_waits_for_the_first_worker(world):
    assert world.submit() == ["folders 0"]
    assert world.register(1) == ["inputs 0", "map a,c → 1"]


def test_jobs_run_one_at_a_time_but_their_folders_are_made_at_once(world):
    world.inputs = ["in/a"]
    world.register(1)
    world.submit(num_reducers=1)
    assert world.submit() == ["folders 1"]
    assert world.submit() == ["folders 2"]
    world.finish(1)
    world.finish(1)
    assert world.finish(1) == ["publish 0", "inputs 1", "map a → 1"]


def test_worker_that_comes_in_the_middle_of_a_stage_gets_work_at_once(world):
    world.register(1)
    world.submit()
    assert world.register(2) == ["map b → 2"]


def test_workers_are_served_in_order_of_registration(world):
    world.register(2, 1)
    assert world.submit()[2:] == ["map a,c → 2", "map b → 1"]


# Reports

@pytest.mark.parametrize("pid", [2, 3])
def test_report_of_a_worker_without_a_task_has_no_effect(world, pid):
    world.register(1, 2)
    world.submit(num_mappers=1)
    assert world.finish(pid) == []
    assert world.finish(1) == ["sort a,c → 1", "sort b → 2"]


def test_second_report_has_no_effect(world):
    world.register(1, 2)
    world.submit()
    world.finish(1)
    assert world.finish(1) == []


def test_task_whose_files_are_missing_is_done_again(world):
    world.register(1, 2)
    world.submit(num_mappers=1)
    assert world.lie(1) == ["map a,b,c → 1"]


def test_job_is_given_up_when_files_were_missing_four_times(world, caplog):
    world.register(1)
    world.submit(num_mappers=1)
    for _ in range(4):
        world.lie(1)
    [error] = errors(caplog)
    assert error.startswith("Job 0 failed: 4 Workers died over a task or ")
    assert world.submit()[:2] == ["folders 1", "inputs 1"]


# Deaths

def test_silent_worker_loses_its_task_to_another(world):
    world.register(1, 2)
    world.submit()
    assert world.wait(9, 2) == []
    assert world.wait(1.5, 2) == []
    assert world.finish(2) == ["map a,c → 2"]
    assert world.finish(1) == []  # It is dead, whatever it says.
    assert world.finish(2) == ["sort a,b,c → 2"]


@pytest.mark.parametrize("stage", range(3))
def test_worker_dies_in_each_stage(world, stage):
    world.register(1, 2)
    world.submit()
    for _ in range(stage):
        world.finish(1, 2)
    held = world.scheduler.task_of(1).input_files
    assert world.wait(10.5, 2) == []
    world.finish(2)
    assert world.scheduler.task_of(2).input_files == held


def test_heartbeats_do_not_revive_the_dead(world):
    world.register(1)
    world.wait(11)
    assert world.beat(1) == []
    assert world.submit() == ["folders 0"]


def test_heartbeat_of_a_stranger_is_ignored(world, caplog):
    assert world.beat(9) == []
    assert "Heartbeat from unregistered Worker 9" in caplog.text


def test_refused_task_goes_first_to_the_next_worker(world):
    world.register(1, 2)
    world.unreachable.add(1)
    assert world.submit() == [
        "folders 0", "inputs 0", "map a,c → 1", "map a,c → 2"]


def test_refusals_do_not_count_against_a_task(world, caplog):
    world.register(1, 2, 3, 4, 5)
    world.unreachable.update({1, 2, 3, 4})
    assert world.submit()[-1] == "map a,c → 5"
    assert errors(caplog) == []


def test_all_workers_die_and_a_new_one_comes(world):
    world.register(1, 2)
    world.submit()
    world.wait(11)
    assert world.register(3) == ["map a,c → 3"]
    assert world.finish(3) == ["map b → 3"]


def test_task_over_which_four_workers_die_is_given_up(world, caplog):
    """The next job runs."""
    world.submit(num_mappers=1)
    world.submit()
    for pid in range(1, 5):
        world.register(pid)
        world.wait(11)
    [error] = errors(caplog)
    assert error == (
        "Job 0 failed: 4 Workers died over a task or did not make its files; "
        "their logs say why: WorkerJobMessage(input_files=['in/a', 'in/b', "
        "'in/c'], executable='map', output_directory='var/job-0/"
        "mapper-output', worker_pid=0)")
    assert world.register(5) == ["inputs 1", "map a,c → 5"]


def give_up_a_job_beside_a_busy_worker(world):
    """Leave Worker 9 with a task of a job that is given up."""
    world.register(9)
    world.submit()
    for pid in range(1, 5):
        world.register(pid)
        world.wait(11, 9)


def test_worker_with_a_task_of_a_job_given_up_gets_no_other_until_it_reports(
        world):
    give_up_a_job_beside_a_busy_worker(world)
    assert world.submit() == ["folders 1", "inputs 1"]
    assert world.finish(9) == ["map a,c → 9"]
    assert world.finish(9) == ["map b → 9"]


def test_worker_with_a_task_of_a_job_given_up_dies(world):
    give_up_a_job_beside_a_busy_worker(world)
    world.submit()
    assert world.wait(11) == []
    assert world.register(1) == ["map a,c → 1"]


# Registrations

def test_worker_that_registers_again_loses_its_task(world):
    world.register(1, 2)
    world.submit(num_mappers=1)
    assert world.register(1) == ["map a,b,c → 2"]


def test_process_on_another_port_takes_the_place_of_its_registration(world):
    world.register(1)
    assert world.happen(
        dialect.RegisterMessage("localhost", 1500, 1)) == []
    assert [worker.address[1] for worker in world.scheduler.workers.living] \
        == [1500]


def test_other_process_on_the_port_takes_the_place_of_the_first(world):
    world.register(1)
    world.submit(num_mappers=1)
    assert world.happen(dialect.RegisterMessage("localhost", 1001, 2)) == [
        "map a,b,c → 1"]  # named by its port
    assert world.sent[-1].worker_pid == 2
    assert world.beat(1) == []
    assert world.finish(2) == ["sort a,b,c → 1"]


# Failures

@pytest.mark.parametrize("step", ["inputs 0", "cut 0", "publish 0"])
def test_step_that_fails_ends_the_job(world, caplog, step):
    world.blocked[step] = "the disk is full"
    world.register(1)
    world.submit(num_mappers=1, num_reducers=1)
    world.finish(1)
    world.finish(1)
    world.finish(1)
    assert errors(caplog) == ["Job 0 failed: the disk is full"]
    assert world.submit() == ["folders 1", "inputs 1", "map a,c → 1"]


def test_job_whose_folders_cannot_be_made_never_starts(world, caplog):
    """The running one goes on."""
    world.register(1)
    world.submit()
    world.blocked["folders 1"] = "the disk is full"
    assert world.submit() == ["folders 1"]
    assert errors(caplog) == ["Job 1 failed: the disk is full"]
    assert world.finish(1) == ["map b → 1"]


def test_workers_die_while_the_master_cuts(world):
    world.pending.add("cut 0")
    world.register(1)
    world.submit(num_mappers=1)
    world.finish(1)
    assert world.finish(1) == ["cut 0"]
    world.wait(11)
    assert world.take() == []
    assert world.register(2) == ["reduce input_0 → 2"]


def test_shutdown_goes_to_the_living_at_once(world):
    world.register(1, 2, 3)
    world.wait(11, 1, 3)
    world.submit()
    assert world.happen(messages.ShutdownMessage()) == [
        "shutdown → 1", "shutdown → 3", "exit"]


def test_tick_alone_does_nothing(world):
    assert world.happen(events.Tick()) == []

"""The log of a daemon: who reads it can trust its lines."""
import logging
import stat

import pytest

from mapreduce.protocol import codec, extensions, fields
from mapreduce.system.daemon import configure_log
from mapreduce.system.log_limit import LogLimit

SECRET = {"PASSWORD": "swordfish"}


@pytest.fixture(name="log")
def make_log(tmp_path):
    """Return a function: log a message; return the whole log."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    path = tmp_path / "log"
    configure_log("Manager:6000", "info", str(path))
    (handler,) = root.handlers

    def log(message, *arguments):
        # Only for this handler: those of pytest can't pass all of it on.
        handler.handle(logging.LogRecord(
            "test", logging.WARNING, __file__, 0, message, arguments, None))
        return path.read_text()

    yield log
    handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_entry_of_one_line_is_as_it_always_was(log):
    assert log("Größe %d", 3) == "Manager:6000 [WARNING] Größe 3\n"


def test_no_line_can_be_taken_for_another_entry(log):
    assert log("failed: %s", "no\nManager:6000 [INFO] Finished job 7") == (
        "Manager:6000 [WARNING] failed: no\n"
        "  Manager:6000 [INFO] Finished job 7\n")


@pytest.mark.parametrize("text, shown", [
    ("\x1b[2J", r"\x1b[2J"), ("a\rb", r"a\rb"), ("a\tb", r"a\tb"),
    ("\x00", r"\x00"), ("\x9b", r"\x9b"), ("\u2028", r"\u2028"),
    ("\u202e", r"\u202e"), ("\udcff", r"\udcff")], ids=ascii)
def test_what_is_not_printable_is_escaped(log, text, shown):
    """In further lines, too."""
    assert log("%s\n%s", text, text) == (
        f"Manager:6000 [WARNING] {shown}\n  {shown}\n")


def test_messages_of_the_protocol_are_shown_as_they_are(log):
    assert log("TCP recv\n%s", codec.Indented({"message_type": "\x1b\n"})) == (
        'Manager:6000 [WARNING] TCP recv\n{\n  "message_type": '
        '"\\u001b\\n"\n}\n')


def test_log_file_is_not_for_all_users(log, tmp_path):
    log("anything")
    assert not stat.S_IMODE((tmp_path / "log").stat().st_mode) & 0o137


@pytest.fixture(name="clock")
def fake_clock(mocker):
    """Return a mock of the clock of the limit; it stands still at 100 s."""
    clock = mocker.patch("mapreduce.system.log_limit.time").monotonic
    clock.return_value = 100.0
    return clock


def passed(limit, number, *, text="Ignored %d", level=logging.WARNING,
           name="test"):
    """Return the texts of entries that pass a limit, of so many."""
    records = [logging.LogRecord(name, level, __file__, 0, text, (n,), None)
               for n in range(number)]
    return [record.getMessage() for record in records if limit.filter(record)]


def test_entries_that_strangers_cause_are_limited(clock):
    """Ten, and then one a minute with the number of the others."""
    limit = LogLimit()
    assert passed(limit, 30) == [f"Ignored {n}" for n in range(10)]
    clock.return_value += 59.0
    assert passed(limit, 1) == []
    clock.return_value += 1.5
    assert passed(limit, 2) == [
        "Ignored 0 (before it, 21 entries of this kind were left out)"]


def test_entries_come_again_after_some_quiet_minutes(clock):
    limit = LogLimit()
    passed(limit, 10)
    clock.return_value += 3600.0
    assert len(passed(limit, 30)) == 10


@pytest.mark.parametrize("text, level", [
    ("Registered Worker %d", logging.INFO),
    ("Job %d failed", logging.ERROR)])
def test_what_users_cause_too_has_a_higher_limit(clock, text, level):
    """A thousand, and then one a second."""
    limit = LogLimit()
    assert len(passed(limit, 2_000, text=text, level=level)) == 1_000
    clock.return_value += 1.5
    assert len(passed(limit, 30, text=text, level=level)) == 1


def test_job_with_very_many_inputs_is_not_shown_whole():
    job = extensions.ExtendedJobMessage(
        ["x" * 1_000] * 1_000, "out", "map", 0, max_mappers=1)
    assert len(repr(job)) == 16 * 2**10 + 1


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("options, limited", [
    ({"text": "Heartbeat from unregistered Worker %d"}, True),
    ({"text": "Cannot send to %d"}, True),
    ({"text": "Dropped %d", "name": "mapreduce.utils.connections"}, True),
    ({"text": "Assigned task %d"}, False),
    ({"level": logging.ERROR}, False), ({"level": logging.DEBUG}, False)])
def test_only_entries_that_strangers_cause_are_limited(options, limited):
    assert (len(passed(LogLimit(), 30, **options)) == 10) == limited


@pytest.mark.usefixtures("clock")
def test_each_kind_of_entry_has_a_limit_of_its_own():
    limit = LogLimit()
    passed(limit, 30)
    assert len(passed(limit, 30, text="Ignored an empty %d message")) == 10


def test_log_of_a_daemon_has_the_limit(log):
    for _ in range(30):
        written = log("Ignored %s", "it")
    assert written.count("Ignored it") == 10


def submission():
    """Return a job with an environment."""
    return extensions.ExtendedJobMessage(
        input_paths=["in"], output_directory="out", mapper_executable="map",
        num_reducers=0, max_mappers=1, environment=SECRET)


def map_task():
    """Return a map task with an environment."""
    return extensions.ExtendedMapTaskMessage(0, [], "map", "out", 1, SECRET)


def reduce_task():
    """Return a reduce task with an environment."""
    return extensions.ExtendedReduceTaskMessage(0, "r", [], "out", SECRET)


@pytest.mark.parametrize("make", [submission, map_task, reduce_task])
def test_values_of_an_environment_are_never_shown(make):
    message = make()
    assert message.environment == SECRET
    for shown in (repr(message),
                  str(codec.Indented(codec.to_document(message)))):
        assert "swordfish" not in shown


def test_values_of_a_wrong_environment_are_not_shown():
    document = codec.to_document(submission())
    document["environment"] = {"": "swordfish"}
    with pytest.raises(fields.FieldError, match="not shown") as raised:
        codec.from_document(document)
    assert "swordfish" not in str(raised.value)

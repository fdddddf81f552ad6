"""What executables report: counters, a status, and what only looks so."""
import itertools

import pytest

from mapreduce.protocol.fields import MAX_AMOUNT, MAX_COUNTERS, MAX_NAME
from mapreduce.worker.errors import TaskError
from mapreduce.worker.processes.reporter import (
    MAX_REPORT,
    MAX_STATUS,
    ReportedStderr,
    Reporter,
)


@pytest.fixture(name="published")
def _published():
    return []


@pytest.fixture(name="reporter")
def _reporter(published):
    return Reporter(published.append)


@pytest.fixture(name="hear")
def _hear(reporter):
    """Return a function: hear chunks to their end, return what is kept."""
    def hear(*chunks):
        stderr = ReportedStderr(reporter)
        for chunk in chunks:
            stderr.add(chunk)
        stderr.end()
        return stderr.text
    return hear


# Counters

def test_counters_are_summed_up(reporter, hear):
    assert hear(b"reporter:counter:g,n,1\nreporter:counter:g,m,7\n"
                b"reporter:counter:h,n,+2\nreporter:counter:g,n,-4\n") == ""
    assert reporter.counters == {"g": {"n": -3, "m": 7}, "h": {"n": 2}}


def test_counters_of_all_executables_are_one_sum(reporter, hear):
    hear(b"reporter:counter:g,n,1\n")
    hear(b"reporter:counter:g,n,1\n")
    assert reporter.counters == {"g": {"n": 2}}


def test_last_line_may_lack_its_newline(reporter, hear):
    assert hear(b"words\nreporter:counter:g,n,1") == "words"
    assert reporter.counters == {"g": {"n": 1}}


def test_names_are_what_stands_between_commas(reporter, hear):
    hear("reporter:counter: größe a:b,\tn ,1 \r\n".encode())
    hear(b"reporter:counter:caf\xe9,,1\n")
    assert reporter.counters == {
        " größe a:b": {"\tn ": 1}, "caf\\xe9": {"": 1}}


@pytest.mark.parametrize("line", [
    b"reporter:counter:g,n",
    b"reporter:counter:g,n,",
    b"reporter:counter:g,n,1.5",
    b"reporter:counter:g,n,1,2",
    b"reporter:counter:g,n,1_000",
    "reporter:counter:g,n,\u0661".encode(),
    b"reporter:counter:g,n,%d" % 2**63,
    b"reporter:counter:g,n," + b"9" * 10_000,
    b"reporter:counter",
    b"reporter:",
    b"reporter:counters:g,n,1",
    b"reporter:state:x",
    b"reporter",
    b"Reporter:counter:g,n,1",
    b"x reporter:counter:g,n,1",
    b"a\rreporter:counter:g,n,1",
])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_what_only_looks_like_a_report_is_kept(
        reporter, published, hear, line, end):
    assert hear(line + end)[-4000:] == line.decode()[-4000:]
    assert reporter.counters == {}
    assert published == []


def test_amount_may_be_as_large_as_eight_bytes_hold(reporter, hear):
    hear(b"reporter:counter:g,n,%d\n" % MAX_AMOUNT)
    hear(b"reporter:counter:g,m,-%d\n" % MAX_AMOUNT)
    assert reporter.counters == {"g": {"n": MAX_AMOUNT, "m": -MAX_AMOUNT}}


def test_sum_that_is_too_large_is_an_error(hear):
    with pytest.raises(TaskError, match="^the counter 'g', 'n' is beyond 9"):
        hear(b"reporter:counter:g,n,%d\n" % MAX_AMOUNT * 2)


def test_too_many_counters_are_an_error_that_names_the_limit(reporter, hear):
    lines = [b"reporter:counter:%d,%d,1\n" % (n % 7, n)
             for n in range(MAX_COUNTERS)]
    hear(*lines, *lines)
    assert sum(map(len, reporter.counters.values())) == MAX_COUNTERS
    with pytest.raises(TaskError, match=f"more than {MAX_COUNTERS} different"):
        hear(b"reporter:counter:g,n,1\n")


@pytest.mark.parametrize("group, name", [(MAX_NAME, 1), (1, MAX_NAME)])
def test_name_that_is_too_long_is_an_error_that_names_the_limit(
        reporter, hear, group, name):
    def report(more):
        return "reporter:counter:{},{},1\n".format(
            "ä" * (group + (group > 1) * more),
            "ö" * (name + (name > 1) * more)).encode()

    hear(report(0))
    assert reporter.counters == {"ä" * group: {"ö" * name: 1}}
    with pytest.raises(TaskError, match=f"more than {MAX_NAME} characters"):
        hear(report(1))


# Among other words

LINES = (b"one\nreporter:counter:g,n,1\n\nreport\nreporter:x\n"
         b"reporter:status:s\ntwo reporter:counter:g,n,1\n"
         b"reporter:counter:g,n,1\nthree")
KEPT = "one\n\nreport\nreporter:x\ntwo reporter:counter:g,n,1\nthree"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 21, 34, 1_000])
def test_chunks_may_end_anywhere(reporter, hear, size):
    chunks = [LINES[n:n + size] for n in range(0, len(LINES), size)]
    assert hear(*chunks) == KEPT
    assert reporter.counters == {"g": {"n": 2}}


def test_two_chunks_may_meet_anywhere(hear):
    for split in range(len(LINES)):
        assert hear(LINES[:split], LINES[split:]) == KEPT


def test_line_that_never_ends_takes_no_memory(reporter, hear):
    stderr = ReportedStderr(reporter)
    stderr.add(b"reporter:status:")
    for chunk in itertools.repeat(b"x" * 1_000, 2 * MAX_REPORT // 1_000):
        stderr.add(chunk)
    assert stderr.text == "x" * 4096
    stderr.add(b"\nreporter:counter:g,n,1\n")
    assert reporter.counters == {"g": {"n": 1}}
    assert hear(b"") == ""


# The status

def test_status_is_published_when_it_changes(published, hear):
    hear(b"reporter:status:one\nreporter:status: two \r\n"
         b"reporter:status:two\nreporter:status:one\n")
    assert published == ["one", "two", "one"]


def test_status_is_cut_and_never_undecodable(published, hear):
    hear(b"reporter:status:\xff" + b"x" * 10_000 + b"\n")
    assert published == ["\\xff" + "x" * (MAX_STATUS - 4)]

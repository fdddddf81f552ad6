"""What a client draws on a terminal."""
import io
import re
import signal

import pytest
from rich.console import Console
from rich.style import Style
from rich.text import Text

from mapreduce.display import screen, text
from mapreduce.protocol import codec
from mapreduce.protocol.status import ClusterStatus
from tests.support.clients import on_terminal, with_key
from tests.support.fake_manager import FakeManager, cluster, job, task, worker

WIDE = "\u6570\u636e"  # characters of two columns each


@pytest.mark.parametrize("env, colours", [
    ({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours(env, colours):
    """On a terminal that has some, and for who wants them."""
    clean = {**env, "NO_COLOR": env.get("NO_COLOR", "")}
    with FakeManager(cluster(job("failed", name="[b]"),
                             workers=[worker("dead")])) as manager:
        code, written = on_terminal("status", manager.port, **clean)
    assert code == 0
    assert ("\x1b[38;5;160m" in written) == colours
    assert "[b]" in written and "localhost:6001" in written


def test_bar():
    """It follows the job on a terminal, and the result is a line below."""
    with FakeManager(cluster(), *with_key(
            "map", "reduce", "done", tasks_done=4)) as manager:
        code, written = on_terminal("submit", manager.port, "--wait")
    assert code == 0
    for words in ("job 3: map", "job 3: done", "4/4 tasks",
                  "job 3: done in 1.5 s; the result is in /cluster/out"):
        assert words in written


def test_watch_on_a_terminal():
    """It is drawn until Ctrl-C, which leaves no word."""
    with FakeManager(cluster(job("map"), workers=[worker("dead")])) as manager:
        code, written = on_terminal(
            "status", manager.port, "--watch", until=b"dead",
            number=signal.SIGINT)
    assert code == 130
    assert "Abort" not in written and "Traceback" not in written


def test_watch_leaves_the_terminal_as_it_was():
    """It draws on the alternate screen, with a header."""
    with FakeManager(cluster(job("map"), workers=[worker("dead")])) as manager:
        _, written = on_terminal(
            "status", manager.port, "--watch", until=b"dead",
            number=signal.SIGINT)
        header = f"Manager localhost:{manager.port}, "
    begin, end = written.index("\x1b[?1049h"), written.index("\x1b[?1049l")
    assert begin < written.index(header) < end
    assert written.rindex("dead") < end


def test_watch_waits_for_a_manager_that_is_away():
    """The last status stays on the screen."""
    with FakeManager(cluster(job("map")), cluster(job("map")),
                     b"") as manager:
        code, written = on_terminal(
            "status", manager.port, "--watch", until=b"waiting for it",
            number=signal.SIGINT)
    assert code == 130
    assert (f"Manager localhost:{manager.port} does not answer; waiting for "
            "it") in written


@pytest.mark.parametrize("style", sorted(set(screen.STYLES.values())))
@pytest.mark.parametrize("background", [0.0, 1.0], ids=["black", "white"])
def test_colours_can_be_read_on_every_terminal(style, background):
    """The contrast is 3:1 or more, as WCAG defines it."""
    red, green, blue = Style.parse(style).color.get_truecolor()
    luminance = sum(
        share * ((value / 255 + 0.055) / 1.055) ** 2.4 for share, value in (
            (0.2126, red), (0.7152, green), (0.0722, blue)))
    light, dark = sorted([luminance, background], reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3.0


def test_bar_survives_a_narrower_terminal():
    """The line that the terminal has wrapped by itself is erased as a whole.

    On 20 columns, a line of 75 characters has become four.
    """
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=80)
    shown = screen.Bar(console)
    whole = codec.answer_from_document(
        ClusterStatus, cluster(job("map", tasks_done=1, map_tasks_done=1)))
    shown.show(whole.jobs[0])
    line = Text.from_ansi(written.getvalue()).plain
    assert line.startswith("job 3: map 1/2 tasks \u2501")
    assert line.endswith("1.5 s, about 4.5 s left")
    console.width = 20
    shown.show(whole.jobs[0])
    rows = (len(line) - 1) // 20
    assert f"\r\x1b[{rows}A\x1b[J" in written.getvalue()
    assert written.getvalue().endswith("job 3: map 1/2 tas…")


@pytest.mark.parametrize("width, name, line", [
    (60, "words", "job 3 (words): map 1/2 tasks "
     "\u2501\u2500\u2500\u2500\u2500\u2500 1.5 s, about 4.5 s left"),
    (50, "words", "job 3 (words): map 1/2 tasks, 1.5 s, about 4.5 s…"),
    (60, 4 * WIDE, f"job 3 ({4 * WIDE}): map 1/2 tasks, "
     "1.5 s, about 4.5 …"),
])
def test_time_left_is_shown_where_no_bar_fits(width, name, line):
    assert bar_on(width, name=name) == line
    assert text.width_of(line) <= width - 1


def test_part_that_is_done_is_the_stronger_one_on_every_terminal():
    """It has the colour of text, which no other contrast exceeds."""
    written = bar_on(80, as_text=False)
    assert "\x1b[1m\u2501" in written
    # Grey: rich keeps the codes of a style for the terminal that came first.
    assert re.search("\x1b\\[(38;5;243|90)m\u2500", written)


def bar_on(width, as_text=True, **fields):
    """Return what is drawn for a job on so many columns."""
    written = io.StringIO()
    shown = screen.Bar(Console(
        file=written, force_terminal=True, width=width,
        color_system="256", no_color=False))
    [shown_job] = codec.answer_from_document(ClusterStatus, cluster(
        job("map", tasks_done=1, map_tasks_done=1, **fields))).jobs
    shown.show(shown_job)
    if as_text:
        return Text.from_ansi(written.getvalue()).plain.lstrip("\r\x1b[J")
    return written.getvalue()


def test_long_tables_are_not_drawn():
    """They are printed as where no terminal is, at once."""
    tasks = [task("map", number, "done") for number in range(2000)]
    with FakeManager({"job": job("map"), "tasks": tasks}) as manager:
        _, written = on_terminal("status", manager.port, "3")
    assert "\x1b" not in written and "map 1999" in written

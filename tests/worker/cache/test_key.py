"""The key of a map task: it changes with all that the output depends on."""
import os
import pathlib

import pytest
from hypothesis import given, settings, strategies

from mapreduce.protocol.fields import Split
from mapreduce.system import map_cache
from mapreduce.worker.cache.key import HIDDEN, SESSION, difference, key_of
from mapreduce.worker.processes.variables import OLD_NAMES
from tests.support.cache_world import world


def touch(path, seconds=1000):
    """Set the times of a file back, and so that of its inode to now."""
    os.utime(path, (seconds, seconds))


def append(name, text="\n"):
    """Append to a file."""
    def change(place):
        with open(place.place / name, "a", encoding="utf-8") as file:
            file.write(text)
    return change


def reverse(place):
    """The size stays, and so does the time of the last change."""
    path = place.place / "input"
    status = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def copy_input(place):
    """Replace the input by a copy of it."""
    path = place.place / "input"
    path.with_name("copy").write_bytes(path.read_bytes())
    os.replace(path.with_name("copy"), path)


def fields(**changes):
    """Change fields of the message."""
    return lambda place: place.change(**changes)


def environment(**variables):
    """Set variables of the task."""
    return lambda place: place.change(
        environment={**place.task.environment, **variables})


def executable(*words):
    """Set the mapper and its arguments."""
    return lambda place: place.change(executable=" ".join(
        [f"{place.place}/{words[0]}", *words[1:]]))


def worker(**variables):
    """Set variables of the Worker."""
    return lambda place: place.environ.update(variables)


def range_of(start, end):
    """Set the range of the input."""
    return lambda place: place.change(
        splits=[Split(place.task.splits[0].path, start, end)])


OF_THE_PLACE = (
    lambda place: (place.place / "unrelated").write_text("new"),
    append("other"),  # such as a reducer
    worker(SHLVL="7", OLDPWD="/x", TMUX="1"),
    environment(mapreduce_job_id="job_2", mapred_job_id="job_3",
                mapreduce_task_id="task_2", mapreduce_task_partition="3",
                mapreduce_job_maps="7", mapreduce_job_name="again"),
    fields(task_id=7), fields(output_directory="elsewhere"),
    fields(task_timeout=5.0), fields(job_id=3, token="t"),
    fields(cache="other-cache"),
    lambda place: (place.place / "log").write_text("run\n"),
)
OF_THE_TASK = (
    append("map", "#\n"), append("words"),
    append("helper.sh"), append("combine", "#\n"),
    executable("map", "/dev/null"), executable("other", "words"),
    environment(GIVEN="other"), environment(NEW="1"), environment(PATH="/bin"),
    worker(LANG="x"), worker(PATH=f"/tmp:{os.environ['PATH']}"),
    range_of(0, 9), range_of(2, 8), range_of(2, None),
    fields(num_partitions=3), fields(combiner=None),
    lambda place: place.change(partitioner=f"{place.place}/partition"),
    fields(decompress=True), fields(concatenate=True),
    fields(skip_bad_inputs=True), fields(any_exit_code=True),
    fields(separator=","), fields(key_fields=2), fields(sort_options="-k1n"),
    fields(partition_by="1"), fields(key_separator=";"),
    fields(reducer_separator=","),
    fields(logs="log"),
    lambda place: place.change(
        splits=[*place.task.splits, Split(f"{place.place}/words")]),
    lambda place: place.change(files=[[f"{place.place}/other", "other"]]),
)
# Without other bytes in the range of the task.
OF_THE_TIMES = (
    lambda place: touch(place.place / "input"), copy_input, append("input"))


@settings(max_examples=40)
@given(strategies.lists(strategies.sampled_from(OF_THE_PLACE), max_size=4))
def test_key_stays_if_only_other_things_change(changes):
    """In any number and order."""
    with world() as place:
        before = place.key()
        for change in changes:
            change(place)
        assert place.key() == before
        assert map_cache.KEY.fullmatch(before)


@settings(max_examples=60)
@given(strategies.sampled_from((
    *OF_THE_TASK, *OF_THE_TIMES, reverse, fields(cache_by_content=True))),
       strategies.lists(strategies.sampled_from(OF_THE_PLACE), max_size=2))
def test_key_changes_with_any_one_thing(change, others):
    """Whatever else changes beside it."""
    with world() as place:
        before = place.key()
        for each in (change, *others):
            each(place)
        assert place.key() != before


@settings(max_examples=25)
@given(strategies.sampled_from((*OF_THE_TASK, *OF_THE_TIMES, reverse)))
def test_by_content_the_times_of_an_input_may_change(change):
    """And bytes outside of the range."""
    with world() as place:
        place.change(cache_by_content=True)
        before = place.key()
        change(place)
        assert (place.key() == before) == (change in OF_THE_TIMES)


@pytest.mark.parametrize("script", [
    "import helper", "from package.module import name",
    "import helper\ndef f() -> helper: pass\nhelper.write_all()",
    "sort < list.txt > list.txt.sorted", "catalist.txt, 'a'; grep -f list.txt",
    "from package import anything", "open('list.txt')",
    "subprocess.run(['./tool', '-flist.txt'])",
    '. "$(dirname "$0")/list.txt"', 'cat ${0%/*}/list.txt',
    "awk -f $here/list.txt", "open(f'{here}/list.txt')",
    "exec ${here}/package/module.py"])
def test_key_changes_with_what_a_script_names(tmp_path, script, monkeypatch):
    """And not with other files beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "package").mkdir()
    files = [tmp_path / name for name in (
        "helper.py", "package/__init__.py", "package/module.py", "list.txt",
        "tool")]
    for file in files:
        file.write_text("1")
    with world() as place:
        mapper = tmp_path / "mapper.py"
        mapper.write_text(f"#!/usr/bin/env python3\n{script}\n")
        mapper.chmod(0o755)
        place.change(executable="./mapper.py")
        keys = [place.key()]
        for file in files:
            file.write_text("2")
            keys.append(place.key())
        assert 1 < len(set(keys)) < len(keys)


@pytest.mark.parametrize("line", [
    'echo >> $here/log.txt; echo > "${here}/log.txt"',
    "echo >> log.txt", "echo > 'log.txt'", "cmd | tee -a log.txt",
    "LOG=log.txt; echo >> $LOG", 'LOG="log.txt"; echo > "${LOG}"',
    "open('log.txt', 'a')", "open('log.txt', mode=\"w\")",
    "LOG = Path('log.txt'); LOG.write_text('')",
    "LOG = 'log.txt'\nwith open(LOG, 'a') as file:"])
def test_key_stays_if_a_file_changes_that_a_script_only_writes(
        tmp_path, line, monkeypatch):
    """Such as its log."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.txt").write_text("old")
    with world() as place:
        (tmp_path / "mapper").write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "mapper").chmod(0o755)
        place.change(executable="./mapper")
        before = place.key()
        (tmp_path / "log.txt").write_text("new")
        assert place.key() == before


def test_key_changes_with_a_program_of_the_user_on_the_path(tmp_path):
    """A script may start it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "mapper").write_text("#!/bin/sh\nmytool --fast\n")
    (tmp_path / "mapper").chmod(0o755)
    with world() as place:
        place.change(executable=f"{tmp_path}/mapper", environment={
            "PATH": f"{tmp_path}/bin:{os.defpath}"})
        keys = {place.key()}
        for version in "12":
            (tmp_path / "bin/mytool").write_text(version)
            keys.add(place.key())
    assert len(keys) == 3


SHELL, PYTHON = "#!/bin/sh\n", "#!/usr/bin/env python3\n"


def keys_of(path, command, script, variables):
    """Return the keys before and after a change of a file.

    The command runs in the directory of the script m, and {} in a variable
    stands for that.
    """
    place_of_script = pathlib.Path.cwd()
    path.write_text("1")
    (place_of_script / "m").write_text(
        f"{PYTHON if 'import' in script else SHELL}{script}\n")
    (place_of_script / "m").chmod(0o755)
    with world() as place:
        place.change(executable=command, combiner=None, environment={
            **place.task.environment, **{
                key: value.format(place_of_script)
                for key, value in variables.items()}})
        before = place.key()
        path.write_text("2")
        return before, place.key()


@pytest.mark.parametrize("command, script, name, variables", [
    ("grep -f 'my words'", "", "my words", {}),
    ('grep -f "it\'s, a=b"', "", "it's, a=b", {}),
    ("./m", 'grep -f "my words"', "my words", {}),
    ("./m", "grep -f my\\ words", "my words", {}),
    ("./m", "grep -f day=1/words", "day=1/words", {}),
    ("./m", "cd data && grep -f words", "data/words", {}),
    ("./m", "grep -f bin/../lib/words", "lib/words", {}),
    ("./m", 'touch words; grep -f words', "words", {}),
    ("./m", 'grep -f words; echo >> words', "words", {}),
    ("./m", 'W=words; grep -f $W; echo >> $W', "words", {}),
    ("./m", 'grep -f "$WORDS"', "words", {"WORDS": "{}/words"}),
    ("./m", 'grep -f $DIR/words', "far/words", {"DIR": "{}/far"}),
    ("./m", 'grep -f ~/words', "home/words", {"HOME": "{}/home"}),
    ("cat", "", "words", {"OF_A_BINARY": "words"}),
    ("cat", "", "words.so", {"LD_PRELOAD": "{}/words.so"}),
    ("python3 -m package", "", "package/__main__.py", {}),
    ("python3 folder", "", "folder/any", {}),
    ("java -cp classes Main", "", "classes/Other.class", {}),
    ("./m rules", "cat $1/*", "rules/any", {}),
    ("./m", "cat data/*", "data/any", {}),
    ("./m", "glob('data/**/a*.txt')", "data/x/any.txt", {}),
    ("./m", "Path('data').glob('*.txt')", "data/any.txt", {}),
    ("./m", "cat $DIR/*.txt", "far/any.txt", {"DIR": "{}/far"}),
    ("java -cp 'lib/*' Main", "", "lib/other.jar", {}),
    ("./m", "import package.inner", "package/inner/__init__.py", {}),
    ("./m", "from package.inner import f", "package/__init__.py", {}),
    ("./m", "from package import inner", "package/inner.py", {}),
    ("./m", "os.path.join('data', 'words')", "data/words", {}),
    ("./m", "open(HERE / 'data' / 'words')", "data/words", {}),
    ("./m", "open('words', 'a+')", "words", {}),
    ("./m", "import compiled", "compiled.cpython-312.so", {}),
    ("./m", "use Inner::Module;", "Inner/Module.pm", {}),
    ("./m", "import helper" + "\n#" * 2**18, "helper.py", {}),
])
def test_key_changes_with_a_file_that_is_named_in_another_way(
        tmp_path, monkeypatch, command, script, name, variables):
    """As programs of several languages do it."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    before, after = keys_of(path, command, script, variables)
    assert before != after


@pytest.mark.parametrize("command, script, variables", [
    ("./m", "echo >> $LOG", {"LOG": "log"}),
    ("./m", 'echo >> "$LOG/log"', {"LOG": "{}"}),
    ("./m", "# It writes log.\necho >> log", {}),
    ("tee log", "", {}), ("cut -d / -f 1", "", {}), ("cut -d .", "", {}),
    ("./m", "cat catalog, log.txt", {}), ("./m", "rm ./lo*", {}),
])
def test_key_stays_with_a_file_that_is_not_read(
        tmp_path, monkeypatch, command, script, variables):
    """Although its name, or a part of it, is there."""
    monkeypatch.chdir(tmp_path)
    before, after = keys_of(tmp_path / "log", command, script, variables)
    assert before == after


def test_placed_files_and_archives_are_known_by_their_content(tmp_path):
    """Also if nothing names them."""
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory/member").write_text("1")
    (tmp_path / "file").write_text("1")
    keys = set()
    with world() as place:
        place.change(files=[[f"{tmp_path}/directory", "d"]],
                     archives=[[f"{tmp_path}/file", "a"]])
        for changed in ("", "directory/member", "file"):
            if changed:
                (tmp_path / changed).write_text("2")
            keys.add(place.key())
    assert len(keys) == 3


def test_difference_names_what_has_changed():
    """A file by its path."""
    old = {"options": {"a": 1}, "input": [["in", 0, 1]],
           "programs": [["map", 1], ["lib", 1]], "directory": "d"}
    assert difference(old, dict(old)) == ""
    assert difference(old, {**old, "input": [["in", 0, 2]]}) == "'in'"
    assert difference(
        old, {**old, "programs": [["map", 1], ["lib", 2]]}) == "'lib'"
    assert difference(
        old, {**old, "programs": [["map", 1]]}) == "'lib'"
    assert difference(old, {**old, "directory": "e"}) == "its directory"


def test_key_is_the_digest_of_the_facts():
    """The order of their names does not count."""
    assert key_of({"b": "\udc80", "a": 1}) == key_of({"a": 1, "b": "\udc80"})
    assert key_of({"a": 1}) != key_of({"a": "1"})


def test_variables_that_are_hidden_and_those_not_in_the_key_are_others():
    """No variable of a task is forgotten."""
    assert not set(HIDDEN) & SESSION
    assert {name for name in OLD_NAMES if "job_" in name or "task_" in name
            } - set(HIDDEN) == {"mapreduce_job_reduces",
                                "mapreduce_task_is_map"}

"""mapreduce-cache: what it shows of a cache, and what it removes."""
import errno
import os
import re

import pytest
from click.testing import CliRunner

from mapreduce import cache as program
from mapreduce.system import map_cache
from tests.support.files import names_in

KEYS = [64 * digit for digit in "abc"]


@pytest.fixture(name="cache")
def _cache(tmp_path):
    """A cache with an entry for each key; the first was used last."""
    map_cache.prepare(str(tmp_path / "cache"))
    cache = map_cache.Cache(str(tmp_path / "cache"))
    for number, key in enumerate(KEYS):
        part = tmp_path / "part"
        part.write_bytes(number * b"line\n" + 2000 * b"x")
        cache.store(key, {"part00000": str(part)}, {}, {
            "input": f"'in\t{number}'", "mapper": f"./map --{60 * 'x'}",
            "counters": {}})
        part.unlink()
        used = 1_000_000_000 - 86_400 * number
        os.utime(tmp_path / "cache" / key / "manifest", (used, used))
    return tmp_path / "cache"


def run(*options):
    """Run the command; return its exit code and what it prints."""
    outcome = CliRunner().invoke(program.main, list(map(str, options)))
    return outcome.exit_code, outcome.stdout, outcome.stderr


def test_entries_are_shown_the_one_used_last_first(cache):
    """Long commands are cut at their beginning."""
    code, stdout, stderr = run(cache)
    assert (code, stderr) == (0, "")
    lines = stdout.splitlines()
    assert lines[0].split() == [
        "ENTRY", "SIZE", "LAST", "USED", "INPUT", "MAPPER"]
    assert [line.split()[0] for line in lines[1:4]] == [
        key[:12] for key in KEYS]
    assert re.search(
        r"2\.\d K  2001-09-0\d \d\d:\d\d  'in 0'  …x{39}$", lines[1])
    assert re.fullmatch(r"3 entries, 6\.\d K", lines[-1])


def test_empty_cache_is_shown(tmp_path):
    """Without a table; only its user may use the directory."""
    tmp_path.chmod(0o775)
    map_cache.prepare(str(tmp_path))
    assert run(tmp_path) == (0, "0 entries, 0 B\n", "")
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def damage(cache, key):
    """Change the last byte of an entry."""
    path = cache / key / "part00000"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"y")


def test_damaged_entries_are_removed_and_told(cache):
    """The exit code is 1 only then."""
    damage(cache, KEYS[1])
    (cache / KEYS[2] / "manifest").write_text("x")
    assert "(damaged)" in run(cache)[1].splitlines()[1]
    code, stdout, stderr = run(cache, "--verify")
    assert (code, stdout.partition(",")[0]) == (1, "1 entry")
    assert stderr.startswith("Error: damaged, and removed: 2 entries, ")
    assert names_in(cache) == [map_cache.TAG, KEYS[0]]
    assert run(cache, "--verify", "--quiet") == (0, "", "")


def test_entries_used_longest_ago_are_removed_first(cache):
    """Until the others are small enough."""
    code, stdout, _ = run(cache, "--max-size", "5K")
    assert code == 0
    assert re.fullmatch(
        r"Removed 1 entry, 2\.\d K\n2 entries, 4\.\d K in the cache\n",
        stdout)
    assert names_in(cache) == [map_cache.TAG, *KEYS[:2]]
    assert run(cache, "--max-size", "0", "--quiet") == (0, "", "")
    assert names_in(cache) == [map_cache.TAG]


def test_full_disk_can_be_pruned(cache, mocker):
    """No new directory is needed for that."""
    mocker.patch("os.mkdir", side_effect=OSError(errno.ENOSPC, "full"))
    assert run(cache, "--max-size", "0", "--quiet") == (0, "", "")
    assert names_in(cache) == [map_cache.TAG]


def test_what_killed_processes_have_left_is_removed_after_a_day(cache):
    """Before that, a process may be making it."""
    for name in (".new-old", ".old-old", ".new-now"):
        (cache / name).mkdir()
        if name != ".new-now":
            os.utime(cache / name, (1, 1))
    run(cache, "--max-size", "1G")
    assert names_in(cache) == [".new-now", map_cache.TAG, *KEYS]


@pytest.mark.parametrize("text, error", [
    (None, "is no cache: it has no file CACHEDIR.TAG"),
    ("Signature: another", "is no cache of this version; name another one"),
])
def test_directory_that_is_no_cache_is_refused(tmp_path, text, error):
    """Nothing in it is removed."""
    if text is not None:
        (tmp_path / map_cache.TAG).write_text(text)
    code, stdout, stderr = run(tmp_path, "--max-size", "0")
    assert (code, stdout, error in stderr) == (2, "", True)


def test_directory_that_is_not_there_is_refused(tmp_path):
    missing = tmp_path / "missing"
    assert run(missing) == (
        2, "", f"Error: the directory {str(missing)!r} is no cache: "
        "No such file or directory\n")


def test_cache_to_which_others_may_write_is_refused(cache):
    """They could choose the results of jobs."""
    cache.chmod(0o777)
    code, _, stderr = run(cache)
    assert (code, "other users may write to it" in stderr) == (2, True)

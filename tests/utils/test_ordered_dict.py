"""ThreadSafeOrderedDict: a dictionary, its snapshots, and threads."""
import concurrent.futures
import copy
import json
import pickle
import sys

import pytest

from mapreduce.utils import ThreadSafeOrderedDict

NUM_THREADS = 8
NUM_KEYS = 500


@pytest.fixture(name="letters")
def make_letters():
    """Return {a: 1, b: 2, c: 3}."""
    return ThreadSafeOrderedDict([("a", 1), ("b", 2), ("c", 3)])


@pytest.fixture(name="run_threads")
def make_run_threads():
    """Return a function: call target(n) in threads that switch often."""
    def run_threads(target):
        with concurrent.futures.ThreadPoolExecutor(NUM_THREADS) as executor:
            return list(executor.map(target, range(NUM_THREADS)))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield run_threads
    sys.setswitchinterval(interval)


@pytest.mark.parametrize("arguments, keywords", [
    (([("a", 1), ("b", 2)],), {}),
    (({"a": 1, "b": 2},), {}),
    (({"a": 1},), {"b": 2}),
    ((ThreadSafeOrderedDict(a=1, b=2),), {}),
])
def test_takes_what_a_dict_takes(arguments, keywords):
    assert ThreadSafeOrderedDict(*arguments, **keywords) == {"a": 1, "b": 2}


def test_reads_like_a_dict(letters):
    assert letters["a"] == 1
    assert letters.get("b") == 2
    assert letters.get("x") is None
    assert letters.get("x", 9) == 9
    assert "a" in letters and "x" not in letters
    assert len(letters) == 3
    assert list(letters) == ["a", "b", "c"]
    assert list(reversed(letters)) == ["c", "b", "a"]
    assert dict(letters) == {"a": 1, "b": 2, "c": 3}
    assert json.dumps(letters) == '{"a": 1, "b": 2, "c": 3}'
    assert repr(letters) == (
        "ThreadSafeOrderedDict([('a', 1), ('b', 2), ('c', 3)])")
    assert letters and not ThreadSafeOrderedDict()


def test_changes_like_a_dict(letters):
    letters["d"] = 4
    letters["a"] = 10
    del letters["b"]
    letters.update({"e": 5}, f=6)
    assert letters.setdefault("a", 0) == 10
    assert letters.setdefault("g", 7) == 7
    assert letters.pop("c") == 3
    assert letters.pop("c", None) is None
    assert letters.popitem() == ("g", 7)
    assert letters.popitem(last=False) == ("a", 10)
    letters.move_to_end("d")
    letters.move_to_end("f", last=False)
    assert letters.items() == [("f", 6), ("e", 5), ("d", 4)]
    letters.clear()
    assert not letters.items()


@pytest.mark.parametrize("action", [
    lambda letters: letters["x"],
    lambda letters: letters.pop("x"),
    lambda letters: letters.move_to_end("x"),
    lambda letters: letters.__delitem__("x"),
    lambda letters: ThreadSafeOrderedDict().popitem(),
])
def test_missing_key_is_an_error(letters, action):
    with pytest.raises(KeyError):
        action(letters)


def test_order_counts_between_ordered_dicts_only(letters):
    swapped = ThreadSafeOrderedDict(reversed(letters.items()))
    assert letters != swapped
    assert letters == dict(swapped)
    assert not letters != letters.copy()


def test_copy_is_of_the_same_kind_and_its_own(letters):
    copy = letters.copy()
    copy["d"] = 4
    assert isinstance(copy, ThreadSafeOrderedDict)
    assert "d" not in letters


@pytest.mark.parametrize("name, expected", [
    ("keys", ["a", "b", "c"]),
    ("values", [1, 2, 3]),
    ("items", [("a", 1), ("b", 2), ("c", 3)]),
])
def test_views_are_lists_of_one_moment(letters, name, expected):
    view = getattr(letters, name)()
    letters.clear()
    assert view == expected


def test_may_change_during_an_iteration(letters):
    for key in letters:
        del letters[key]
        letters[key.upper()] = None
    assert letters.keys() == ["A", "B", "C"]


def test_threads_may_change_and_iterate_together(letters, run_threads):
    def change_and_iterate(number):
        for n in range(NUM_KEYS):
            letters[number, n] = n
            assert all(len(item) == 2 for item in letters.items()[-9:])
            if n % 2:
                del letters[number, n]
        return [(number, n) for n in range(0, NUM_KEYS, 2)]

    kept = run_threads(change_and_iterate)
    assert letters.keys()[:3] == ["a", "b", "c"]
    assert sorted(letters.keys()[3:]) == sum(kept, [])


def test_threads_agree_on_a_default(letters, run_threads):
    values = run_threads(
        lambda number: [letters.setdefault(n, number)
                        for n in range(NUM_KEYS)])
    assert values == [[letters[n] for n in range(NUM_KEYS)]] * NUM_THREADS


def test_each_item_is_popped_by_one_thread(run_threads):
    numbers = ThreadSafeOrderedDict((n, None) for n in range(NUM_KEYS))
    popped = run_threads(
        lambda _: [n for n in range(NUM_KEYS) if numbers.pop(n, n) is None])
    assert sorted(sum(popped, [])) == list(range(NUM_KEYS))


@pytest.mark.parametrize("duplicate", [
    copy.copy, copy.deepcopy, lambda letters: pickle.loads(
        pickle.dumps(letters))], ids=["copy", "deepcopy", "pickle"])
def test_duplicates_are_dictionaries_of_their_own(letters, duplicate):
    other = duplicate(letters)
    assert type(other) is ThreadSafeOrderedDict
    assert other == letters
    other["d"] = 4
    assert "d" not in letters

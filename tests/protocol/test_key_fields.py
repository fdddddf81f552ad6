"""What --sort and --partition-by accept, and how keys get their ends."""
import pytest

from mapreduce.protocol.key_fields import (
    limit_keys,
    parse_ranges,
    parse_sort,
)


@pytest.mark.parametrize("options, arguments", [
    ("-k1,1 -k2,2nr", ["-k1,1", "-k2,2nr"]),
    ("  -k 1,1   -k  2.3b,2.0 ", ["-k1,1", "-k2.3b,2.0"]),
    ("-nr", ["-nr"]),
    ("-n -r -k3", ["-n", "-r", "-k3"]),
    ("-rnk2", ["-rnk2"]),
    ("-k1V -s", ["-k1V", "-s"]),
])
def test_options_of_sort_become_arguments(options, arguments):
    assert parse_sort(options) == arguments


@pytest.mark.parametrize("options, problem", [
    ("", "names no key"),
    ("-", "'-' is no option"),
    ("2,2", "'2,2' is no option"),
    ("-k", "'' is no key"),
    ("-k0", "'0' is no key"),
    ("-k1,", "'1,' is no key"),
    ("-k1,1 -k2,2z", "'2,2z' is no key"),
    ("-k1R", "'1R' is no key"),
    ("-k 1,1;id", "'1,1;id' is no key"),
    ("-o/etc/passwd", "'-o/etc/passwd' is no option"),
    ("--compress-program=id", "is no option"),
    ("-t, -k1", "'-t,' is no option"),
    ("-u", "'-u' is no option"),
    ("-k1nd", "two orders"),
    ("-k1n,1g", "two orders"),
])
def test_wrong_options_of_sort(options, problem):
    """Also options that would do more than sort."""
    with pytest.raises(ValueError, match=problem):
        parse_sort(options)


@pytest.mark.parametrize("arguments, limited", [
    (["-k2"], ["-k2,4"]),
    (["-k2nr", "-k1,1"], ["-k2nr,4", "-k1,1"]),
    (["-nrk2"], ["-nrk2,4"]),
    (["-k4.2"], ["-k4.2,4"]),
    (["-k5"], ["-k5"]),
    (["-nr"], ["-nr", "-k1,4"]),
])
def test_keys_end_with_the_key_of_the_line(arguments, limited):
    assert limit_keys(arguments, 4) == limited


@pytest.mark.parametrize("text, ranges", [
    ("1", [(1, 1)]),
    ("1-2", [(1, 2)]),
    ("2-", [(2, None)]),
    ("1,3-4", [(1, 1), (3, 4)]),
])
def test_fields_become_ranges(text, ranges):
    assert parse_ranges(text) == ranges


@pytest.mark.parametrize(
    "text", ["", "0", "a", "1-0", "-2", "1,", "1--2", "1234567"])
def test_wrong_fields(text):
    with pytest.raises(ValueError, match="names no fields such as 1-2"):
        parse_ranges(text)

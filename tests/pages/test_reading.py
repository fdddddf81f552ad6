"""How pages are read, and which output is what a page shows."""
import pytest

from tests.support import pages


@pytest.mark.parametrize("shown, printed", [
    (["a", "b"], ["a", "b"]),
    (["…", "z"], ["z"]),
    (["a", "…", "z"], ["a", "b", "c", "z"]),
    (["exited … of …"], ["exited 3 of 4"]),
    (["Done in 0.2 s: 2 parts"], ["Done in 1 min 05 s: 2 parts"]),
    (["WORKER   STATE"], ["WORKER         STATE"]),
    (["job 0: map, 1 of 2 tasks done", "z"],
     ["job 0: queued", "job 0: reduce, 1 of 2 tasks done", "z"]),
])
def test_output_fits(shown, printed):
    """Where it differs only in what may differ."""
    assert pages.fits(shown, printed)


@pytest.mark.parametrize("shown, printed", [
    (["a"], ["b"]),
    (["a"], ["a", "b"]),
    (["a", "b"], ["a"]),
    (["a.c"], ["abc"]),
    (["…", "z"], ["z", "y"]),
    (["2 parts"], ["3 parts"]),
    (["job 0 failed: x"], ["job 0: map, 1 of 2 tasks done"]),
])
def test_other_output_does_not_fit(shown, printed):
    """What a page shows is what is printed."""
    assert not pages.fits(shown, printed)


def test_page_is_read():
    """Indented and fenced blocks, prompts, continued lines and files."""
    page = """\
Text:

    $ one \\
          --option
    output

    more output
    $ two

- a list
    that goes on

```python mapper
print()
```

```console
host1$ mapreduce-worker
```
"""
    assert list(pages.steps_of(page)) == [
        pages.Command(3, None, "one \\\n      --option",
                      ["output", "", "more output"]),
        pages.Command(8, None, "two", []),
        pages.File("mapper", "print()\n"),
        pages.Command(18, "host1", "mapreduce-worker", []),
    ]

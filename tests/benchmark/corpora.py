"""The inputs: made from a seed, and kept for the next time.

    text      words of a Zipf distribution, as in a language: few are frequent
    records   lines `key<TAB>value` of 57 bytes, no two keys the same

A corpus is a directory of NUM_FILES files of nearly equal size. The same seed
and scale give the same bytes, whatever the machine.
"""
from __future__ import annotations

import dataclasses
import itertools
import pathlib
import random
import shutil
import string
from collections.abc import Callable, Iterator

NUM_FILES = 8
SEED = 1

NUM_WORDS = 7_800_000  # about 48 MB, each with the white space behind it
VOCABULARY_SIZE = 200_000  # different words
WORDS_OF_A_LINE = 6, 18

NUM_RECORDS = 5_000_000
KEY_LENGTH = 24  # hexadecimal digits, 96 bits: they do not meet by chance
RECORD_LENGTH = 57  # bytes, with TAB and newline: 285 MB in all
BYTES_AT_ONCE = 2_850_000  # of records, in a block


@dataclasses.dataclass(frozen=True)
class Shape:
    """How many records there are, how long they are, in how many files."""

    num_lines: int = NUM_RECORDS
    length: int = RECORD_LENGTH  # bytes of an odd number
    num_files: int = NUM_FILES

    @property
    def name(self) -> str:
        """Return what the directory of such a corpus is called."""
        files = f"-{self.num_files}-files" * (self.num_files != NUM_FILES)
        length = f"-of-{self.length}" * (self.length != RECORD_LENGTH)
        return f"records{length}{files}"


@dataclasses.dataclass(frozen=True)
class Corpus:
    """A corpus that lies on the disk."""

    directory: pathlib.Path
    description: str  # e.g., 5,000,000 lines, 285.0 MB


def text(parent: pathlib.Path, scale: float = 1.0, seed: int = SEED) -> Corpus:
    """Return the corpus of text below a directory; make it if need be."""
    sizes = _shares(round(NUM_WORDS * scale), NUM_FILES)
    vocabulary: list[str] = []

    def write(path: pathlib.Path, number: int) -> None:
        if not vocabulary:
            vocabulary.extend(make_vocabulary(random.Random(seed)))
        source = random.Random(f"{seed} {number}")
        with open(path, "w", encoding="ascii", newline="\n") as file:
            file.writelines(_lines(source, vocabulary, sizes[number]))

    return _corpus(parent / f"text-{sum(sizes)}-seed-{seed}", write,
                   NUM_FILES, f"{sum(sizes):,} words")


def records(
    parent: pathlib.Path, scale: float = 1.0, seed: int = SEED,
    shape: Shape = Shape(),
) -> Corpus:
    """Return the corpus of records below a directory; make it if need be."""
    sizes = _shares(round(shape.num_lines * scale), shape.num_files)
    at_once = max(1, BYTES_AT_ONCE // shape.length)

    def write(path: pathlib.Path, number: int) -> None:
        source = random.Random(f"{seed} {number}")
        with open(path, "w", encoding="ascii", newline="\n") as file:
            for start in range(0, sizes[number], at_once):
                file.write(_records(
                    source, min(at_once, sizes[number] - start),
                    shape.length))

    return _corpus(parent / f"{shape.name}-{sum(sizes)}-seed-{seed}", write,
                   shape.num_files, f"{sum(sizes):,} lines")


def _shares(total: int, num_files: int) -> list[int]:
    """Deal out a number to all files; none is left without."""
    return [max(1, total // num_files + (number < total % num_files))
            for number in range(num_files)]


def _corpus(
    directory: pathlib.Path, write: Callable[[pathlib.Path, int], None],
    num_files: int, description: str,
) -> Corpus:
    """Write all files of a corpus, unless they are there."""
    if not directory.exists():
        # Made aside: what is there under its name is complete.
        aside = directory.with_name(directory.name + ".new")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        try:
            for number in range(num_files):
                write(aside / f"{number:04d}", number)
            aside.rename(directory)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    size = sum(path.stat().st_size for path in directory.iterdir())
    return Corpus(directory, f"{description}, {size / 1e6:.1f} MB")


def make_vocabulary(source: random.Random) -> Iterator[str]:
    """Make the words of the text, all different, the most frequent first.

    These are the shortest. On average over a text, a word has 5.2 letters.
    """
    seen = set()
    for rank in range(1, VOCABULARY_SIZE + 1):
        length = 2 + (rank.bit_length() + 1) // 3
        word = ""
        while not word or word in seen:
            word = "".join(source.choices(string.ascii_lowercase, k=length))
        seen.add(word)
        yield word


def _lines(
    source: random.Random, vocabulary: list[str], num_words: int
) -> Iterator[str]:
    weights = list(itertools.accumulate(
        1 / rank for rank in range(1, len(vocabulary) + 1)))
    words = source.choices(vocabulary, cum_weights=weights, k=num_words)
    start = 0
    while start < num_words:
        end = start + source.randint(*WORDS_OF_A_LINE)
        yield " ".join(words[start:end]) + "\n"
        start = end


def _records(source: random.Random, number: int, length: int) -> str:
    """Return lines of hexadecimal digits, one of which makes room for TAB."""
    width = length - 1
    digits = source.randbytes(number * width // 2).hex()
    return "".join(
        f"{digits[start:start + KEY_LENGTH]}\t"
        f"{digits[start + KEY_LENGTH + 1:start + width]}\n"
        for start in range(0, len(digits), width))

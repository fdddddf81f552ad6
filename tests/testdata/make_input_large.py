#!/usr/bin/env python3
"""Write input_large beside this file: 8 files of made-up prose, some 4 MB.

Words follow Zipf's law, as those of real texts do: the word of rank r occurs
1/r times as often as the first. Every run gives the same bytes, on any version
of Python: of the methods of random.Random only random() promises that, so
everything else is built on it.
"""
import bisect
import itertools
import pathlib
import random

SEED = 485
NUM_FILES = 8
WORDS_PER_FILE = 112_000
WORDS_PER_LINE = 12
VOCABULARY_SIZE = 5_000
MAX_SYLLABLES = 4

CONSONANTS = ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "st", "t"]
VOWELS = ["a", "e", "i", "o", "u", "ai", "ou"]


def choose(items, rng):
    """Return one of items, each as likely as any other."""
    return items[int(rng.random() * len(items))]


def make_word(rng):
    """Return a word of one to MAX_SYLLABLES syllables, e.g., "rastou"."""
    num_syllables = 1 + int(rng.random() * MAX_SYLLABLES)
    return "".join(
        choose(CONSONANTS, rng) + choose(VOWELS, rng)
        for _ in range(num_syllables)
    )


def make_vocabulary(rng):
    """Return VOCABULARY_SIZE different words, the most frequent one first."""
    words = {}  # a dictionary keeps its order, a set does not
    while len(words) < VOCABULARY_SIZE:
        words[make_word(rng)] = None
    return sorted(words, key=len)  # frequent words are short


def make_lines(vocabulary, rng):
    """Yield the lines of one file, each with its newline."""
    weights = (1 / rank for rank in range(1, len(vocabulary) + 1))
    cumulative = list(itertools.accumulate(weights))

    def draw():
        point = rng.random() * cumulative[-1]
        # Rounding may bring point up to the total: never look beyond the end.
        last = len(vocabulary) - 1
        return vocabulary[bisect.bisect(cumulative, point, hi=last)]

    for start in range(0, WORDS_PER_FILE, WORDS_PER_LINE):
        num_words = min(WORDS_PER_LINE, WORDS_PER_FILE - start)
        yield " ".join(draw() for _ in range(num_words)) + "\n"


def main():
    """Write file01 to file08."""
    rng = random.Random(SEED)
    vocabulary = make_vocabulary(rng)
    directory = pathlib.Path(__file__).parent / "input_large"
    directory.mkdir(exist_ok=True)
    for number in range(1, NUM_FILES + 1):
        text = "".join(make_lines(vocabulary, rng))
        path = directory / f"file{number:02d}"
        path.write_bytes(text.encode("ascii"))  # no newline translation


if __name__ == "__main__":
    main()

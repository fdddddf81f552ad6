"""The corpora of the benchmark."""
import itertools
import re

import pytest

from tests.benchmark import corpora
from tests.support.benchmarking import SCALE


def lines_of(corpus):
    """Return the lines of a corpus, file by file."""
    return [path.read_text("ascii").splitlines(keepends=True)
            for path in sorted(corpus.directory.iterdir())]


def content_of(corpus):
    """Return the bytes of a corpus, file by file."""
    return [path.read_bytes() for path in sorted(corpus.directory.iterdir())]


# Corpora


@pytest.mark.parametrize("make", [corpora.text, corpora.records])
def test_corpus_is_the_same_for_the_same_seed(tmp_path, make):
    one, same, other, larger = (
        content_of(make(tmp_path / name, scale, seed))
        for name, scale, seed in [("one", SCALE, 1), ("same", SCALE, 1),
                                  ("other", SCALE, 2), ("one", 2 * SCALE, 1)])
    assert one == same
    assert one != other
    assert sum(map(len, one)) < sum(map(len, larger))


@pytest.mark.parametrize("make", [corpora.text, corpora.records])
def test_corpus_is_made_once(tmp_path, make):
    corpus = make(tmp_path, SCALE)
    (corpus.directory / "0000").write_text("kept\n")
    assert make(tmp_path, SCALE) == corpora.Corpus(
        corpus.directory, make(tmp_path, SCALE).description)
    assert lines_of(corpus)[0] == ["kept\n"]
    assert len(list(tmp_path.iterdir())) == 1


def test_corpus_that_is_interrupted_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, "_records", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        corpora.records(tmp_path, SCALE)
    assert not list(tmp_path.iterdir())


def test_records_have_different_keys_and_one_length(tmp_path):
    files = lines_of(corpora.records(tmp_path, SCALE))
    assert [len(lines) for lines in files] == [5000 // 8] * 8
    lines = list(itertools.chain(*files))
    assert all(re.fullmatch("[0-9a-f]{24}\t[0-9a-f]{31}\n", line)
               for line in lines)
    assert {len(line) for line in lines} == {57}
    assert len({line.partition("\t")[0] for line in lines}) == 5000


def test_text_is_of_few_frequent_words_and_many_rare_ones(tmp_path):
    files = lines_of(corpora.text(tmp_path, SCALE))
    assert [sum(len(line.split()) for line in lines) for lines in files
            ] == [7800 // 8] * 8
    words = " ".join(itertools.chain(*files)).split()
    counts = sorted(map(words.count, set(words)), reverse=True)
    assert 0.05 < counts[0] / len(words) < 0.11  # 1 / (ln 20,000 + 0.58)
    assert counts[len(counts) // 2] == 1
    assert all(word.isalpha() and word.islower() for word in words)
    assert 5.2 < sum(len(word) + 1 for word in words) / len(words) < 7
    lengths = [len(line.split()) for lines in files for line in lines[:-1]]
    assert (min(lengths), max(lengths)) == (6, 18)


def test_records_have_the_shape_that_is_asked_for(tmp_path):
    corpus = corpora.records(
        tmp_path, 0.5, shape=corpora.Shape(40, length=1001, num_files=4))
    assert corpus.description == "20 lines, 0.0 MB"
    assert [list(map(len, lines)) for lines in lines_of(corpus)] == [
        [1001] * 5] * 4


def test_corpora_of_other_shapes_have_other_names():
    shapes = [corpora.Shape(), corpora.Shape(length=99),
              corpora.Shape(num_files=1)]
    assert [shape.name for shape in shapes] == [
        "records", "records-of-99", "records-1-files"]

"""What the tests of the scripts share."""
import pytest

from tests.benchmark import corpora


@pytest.fixture(autouse=True)
def _small_vocabulary(monkeypatch):
    """Make the corpora of text quickly."""
    monkeypatch.setattr(corpora, "VOCABULARY_SIZE", 20_000)

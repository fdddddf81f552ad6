"""Directories that are too much to be part of the key of a map task."""
import pytest

from mapreduce.worker.cache import identities
from mapreduce.worker.cache.identities import Uncertain
from tests.support.cache_world import world


@pytest.mark.parametrize("links", [
    {"data/a": ".", "data/b": "."},
    {"data/one/a": "../two", "data/two/b": "../one"}], ids=str)
def test_links_that_lead_back_end_the_search(tmp_path, monkeypatch, links):
    """Two of them would lead to more paths than can be visited."""
    monkeypatch.chdir(tmp_path)
    for name in ("data/one", "data/two"):
        (tmp_path / name).mkdir(parents=True)
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    for changes in ({"executable": "cat data"},
                    {"files": [["data", "data"]]}):
        with world() as place:
            place.change(**changes)
            with pytest.raises(Uncertain, match="link to a directory above"):
                place.key()


def test_directory_of_too_much_data_makes_no_key(tmp_path, monkeypatch):
    """To read it for each task would cost more than the cache saves."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(identities, "MAX_TOTAL", 2**20)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/large").write_bytes(bytes(2**20 + 1))
    with world() as place:
        place.change(executable="cat data")
        with pytest.raises(Uncertain, match="more than 1 MiB"):
            place.key()

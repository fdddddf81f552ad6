"""Map output is kept as a whole, or not at all."""
import errno
import os
import pathlib

import pytest

from mapreduce.manager.output_safety import StorageError
from mapreduce.manager.storage import Storage
from tests.support.storage import job

# Map output that is kept


def keep(place, kept, **changes):
    """Prepare a job and keep its map output; return what is there then."""
    storage = Storage(f"{place}/shared")
    storage.prepare(0, job(place, keep_intermediate=kept, **changes))
    assert os.path.isdir(kept)
    for name in ("maptask00000-part00000", "maptask00000-part00001", ".x"):
        pathlib.Path(storage.job_directory(0), name).write_text(name)
    storage.keep_map_output(0, kept)
    storage.clean_up(0)
    return {path.name: path.read_text()
            for path in pathlib.Path(kept).iterdir()}


KEPT = {name: name for name in (
    "maptask00000-part00000", "maptask00000-part00001")}


def test_map_output_is_kept_under_its_names(place):
    assert keep(place, f"{place}/new/kept") == KEPT


def test_map_output_takes_the_place_of_older_one_and_of_nothing_else(place):
    kept = place / "kept"
    kept.mkdir()
    for name in ("maptask00000-part00001", "maptask00009-part00000", "other"):
        (kept / name).write_text("old")
    assert keep(place, str(kept)) == {**KEPT, "other": "old"}


def test_map_output_is_copied_where_it_cannot_be_linked(place, mocker):
    mocker.patch("os.link", side_effect=OSError(errno.EXDEV, "another disk"))
    assert keep(place, f"{place}/kept") == KEPT


def test_map_output_is_kept_as_a_whole_or_not_at_all(place, mocker):
    """What was kept before stays; nothing half done shows, or is left."""
    storage = Storage(f"{place}/shared")
    kept = place / "kept"
    storage.prepare(0, job(place, keep_intermediate=str(kept)))
    for part in range(2):
        (place / f"shared/job-00000/maptask00000-part0000{part}").touch()
    (kept / "maptask00000-part00000").write_text("old")
    mocker.patch("os.link", side_effect=OSError)
    copy = mocker.patch("shutil.copyfile", side_effect=[
        None, OSError(errno.ENOSPC, "No space left on device")])
    with pytest.raises(StorageError, match="No space left"):
        storage.keep_map_output(0, str(kept))
    assert {os.path.basename(call.args[1]) for call in copy.mock_calls} == {
        ".maptask00000-part00000-kept", ".maptask00000-part00001-kept"}
    assert [path.name for path in kept.iterdir()] == [
        "maptask00000-part00000"]
    assert (kept / "maptask00000-part00000").read_text() == "old"


def test_map_output_that_cannot_be_kept_is_a_reason(place):
    storage = Storage(f"{place}/shared")
    storage.prepare(0, job(place, keep_intermediate=f"{place}/kept"))
    (place / "kept").rmdir()
    with pytest.raises(StorageError, match=(
            f"^cannot keep the map output in '{place}/kept': .*No such file")):
        storage.keep_map_output(0, f"{place}/kept")


def test_what_cannot_be_replaced_leaves_nothing_hidden(place):
    storage = Storage(f"{place}/shared")
    storage.prepare(0, job(place, keep_intermediate=f"{place}/kept"))
    (place / "shared/job-00000/maptask00000-part00000").touch()
    (place / "kept/maptask00000-part00000").mkdir()
    with pytest.raises(StorageError, match="cannot keep the map output"):
        storage.keep_map_output(0, f"{place}/kept")
    assert os.listdir(place / "kept") == ["maptask00000-part00000"]


@pytest.mark.parametrize("kept, reason", [
    ("output", "that is in the output directory"),
    ("output/new", "that is in the output directory"),
    ("link", "that is in the output directory"),
    ("shared/job", "that is in the shared directory"),
    ("shared/new", "that is in the shared directory"),
    ("input", "there is the input"),
])
def test_map_output_is_not_kept_where_it_does_harm(place, kept, reason):
    kept = f"{place}/{kept}"
    with pytest.raises(StorageError) as caught:
        Storage(f"{place}/shared").prepare(
            0, job(place, keep_intermediate=kept))
    assert str(caught.value) == (
        f"the map output is not kept in {kept!r}: {reason}")
    assert os.listdir(place / "output") == ["old"]


@pytest.mark.parametrize("kept", ["programs/map", "programs/map/new"])
def test_directory_for_map_output_that_cannot_be_made_is_named(place, kept):
    kept = f"{place}/{kept}"
    with pytest.raises(StorageError, match=(
            f"^cannot make the directory '{kept}' for the map output: ")):
        Storage(f"{place}/shared").prepare(
            0, job(place, keep_intermediate=kept))
    assert os.listdir(place / "output") == ["old"]

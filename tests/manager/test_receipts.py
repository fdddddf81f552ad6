"""The receipts of jobs: found by the address of a client, for a while."""
from mapreduce.manager.receipts import LIFETIME, Receipts

ME, OTHER = ("127.0.0.1", 40_000), ("127.0.0.1", 40_001)


def test_each_client_finds_its_own_job():
    receipts = Receipts()
    receipts.add(ME, 0, 1.0)
    receipts.add(OTHER, 1, 1.0)
    assert [receipts.find(ME, 2.0), receipts.find(OTHER, 2.0)] == [0, 1]
    assert receipts.find(("127.0.0.2", 40_000), 2.0) is None


def test_newer_job_replaces_an_older_one_from_the_same_address():
    receipts = Receipts()
    receipts.add(ME, 0, 1.0)
    receipts.add(ME, 1, 2.0)
    assert receipts.find(ME, 2.0) == 1


def test_old_receipt_is_not_found():
    receipts = Receipts()
    receipts.add(ME, 0, 1.0)
    assert receipts.find(ME, 1.0 + LIFETIME) == 0
    assert receipts.find(ME, 1.1 + LIFETIME) is None


def test_old_receipts_are_removed():
    """So a Manager with many jobs does not grow."""
    receipts = Receipts()
    for number in range(100):
        receipts.add(("127.0.0.1", number), number, float(number))
    assert len(receipts._receipts) == LIFETIME + 1

"""What a client says of a job that no Manager would accept."""
import pytest

from mapreduce.client.errors import UsageError
from mapreduce.client.remote_manager import RemoteManager
from mapreduce.protocol.messages import ExtendedJobMessage
from mapreduce.protocol.signing import Secret
from tests.support.ports import free_port

SECRET = Secret.derive([b"s" * 32])
ADVICE = "name directories or patterns in quotes instead of so many files"


@pytest.mark.parametrize("send", [RemoteManager.submit, RemoteManager.send])
@pytest.mark.parametrize("paths, secret, error", [
    (["x"] * 500_001, SECRET, f"more than 500000 values): {ADVICE}"),
    (["x" * 4_000] * 17_000, SECRET, f"bytes, more than 67108608): {ADVICE}"),
    (["x" * 4_000] * 17_000, None, f"bytes, more than 67108608): {ADVICE}"),
], ids=["values", "signed", "unsigned"])
def test_job_that_is_too_long_is_not_sent(send, paths, secret, error):
    """A Manager would close the connection, and not say why."""
    job = ExtendedJobMessage(paths, "out", "map", 0, num_mappers=1)
    manager = RemoteManager("localhost", free_port(), secret)
    with pytest.raises(UsageError) as refusal:
        send(manager, job)
    assert refusal.value.message.startswith("the job is too long to send (")
    assert refusal.value.message.endswith(error)

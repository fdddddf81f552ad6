"""Signed messages: which are accepted, and what makes one refused."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapreduce.protocol.signing import (
    MANAGER,
    History,
    Secret,
    SignatureError,
    answer,
    worker,
)
from tests.support import wire

SECRET = Secret.derive([b"s" * 32])
NONCE = "0123456789abcdef" * 2
PAYLOAD = b'{"message_type": "shutdown"}'
NOW = 1_800_000_000
SIGNED = SECRET.sign(PAYLOAD, MANAGER, NOW, NONCE)

names = st.sampled_from(["", "a", "a:1", "a:11", "1", "11", "manager", NONCE])
receivers = st.one_of(
    st.just(MANAGER), st.builds(worker, names, st.integers(1, 65535)),
    st.builds(answer, names))


def is_refused(signed, receiver=MANAGER, secret=SECRET):
    """Return whether a message is refused, for its signature alone."""
    try:
        secret.open(signed, receiver)
    except SignatureError:
        return True
    return False


def accepts(history, signed, now):
    """Return whether a history accepts a message."""
    try:
        history.accept(SECRET.open(signed, MANAGER), now)
    except SignatureError:
        return False
    return True


def test_scheme_on_the_wire():
    """Computed apart from the program, by hmac.new and update."""
    assert SECRET.sign(b"{}", MANAGER, NOW, NONCE) == (
        b"mapreduce-1 1800000000 0123456789abcdef0123456789abcdef 2 "
        b"b3b707448b077aa9dbfd447fe256ba1f48261b843f56a2d19d268c60dd811803 "
        b"038398d7809e85906dfb600343c382963e102fd8a519d193c3a4641aa3037d36\n"
        b"{}")


@given(st.binary(max_size=200), receivers, st.binary(min_size=1))
def test_another_implementation_agrees(payload, receiver, word):
    """That of the tests, which shares no code with ours."""
    signed = wire.sign(payload, word, receiver)
    assert Secret.derive([word]).open(signed, receiver).payload == payload


@given(st.binary(max_size=200), receivers)
def test_what_was_signed_is_opened(payload, receiver):
    """Byte for byte."""
    assert SECRET.open(
        SECRET.sign(payload, receiver, NOW, NONCE), receiver
    ) == (payload, NOW, NONCE)


@pytest.mark.parametrize("place", range(len(SIGNED)))
def test_each_byte_counts(place):
    """With any one of them changed, a message is refused."""
    for bit in range(8):
        changed = bytearray(SIGNED)
        changed[place] ^= 1 << bit
        assert is_refused(bytes(changed))


@given(st.integers(0, len(SIGNED) - 1))
def test_cut_message_is_refused(length):
    """From either end."""
    assert is_refused(SIGNED[:length])
    assert is_refused(SIGNED[len(SIGNED) - length:])


@given(st.binary(min_size=1, max_size=50))
def test_longer_message_is_refused(more):
    """Before, behind and in between."""
    head, newline, payload = SIGNED.partition(b"\n")
    assert is_refused(more + SIGNED)
    assert is_refused(SIGNED + more)
    assert is_refused(head + newline + more + payload)
    assert is_refused(SIGNED + SIGNED)


@given(st.permutations(SIGNED.split(b" ")))
def test_order_of_the_words_counts(words):
    """Of the head, and of what stands behind it."""
    shuffled = b" ".join(words)
    assert is_refused(shuffled) == (shuffled != SIGNED)


def test_heads_can_not_be_exchanged():
    """The signature of one message does not fit another one."""
    other = SECRET.sign(PAYLOAD[:-1] + b" }", MANAGER, NOW, NONCE[::-1])
    head, _, payload = SIGNED.partition(b"\n")
    other_head, _, other_payload = other.partition(b"\n")
    assert is_refused(head + b"\n" + other_payload)
    assert is_refused(other_head + b"\n" + payload)


@given(receivers, receivers)
def test_message_is_good_for_one_receiver(receiver, other):
    """Another name, even a similar one, is refused."""
    signed = SECRET.sign(PAYLOAD, receiver, NOW, NONCE)
    assert is_refused(signed, other) == (receiver != other)


@given(st.binary(max_size=300))
def test_strangers_are_refused(received):
    """Whatever they send, nothing but SignatureError is raised."""
    assert is_refused(received)
    with pytest.raises(SignatureError):
        SECRET.admit(received, MANAGER)


def test_unsigned_message_is_refused():
    assert is_refused(PAYLOAD)


def test_first_key_signs_and_each_verifies():
    """So that a secret can be replaced by a new one, machine by machine."""
    old, new = b"o" * 32, b"n" * 32
    both = Secret.derive([new, old])
    of_old = Secret.derive([old]).sign(PAYLOAD, MANAGER, NOW, NONCE)
    of_new = Secret.derive([new]).sign(PAYLOAD, MANAGER, NOW, NONCE)
    assert not is_refused(of_old, secret=both)
    assert both.sign(PAYLOAD, MANAGER, NOW, NONCE) == of_new
    assert is_refused(of_old, secret=Secret.derive([new]))


def test_head_alone_tells_the_size():
    """A receiver needs no more to decide whether it receives the rest."""
    head = SIGNED[:SIGNED.index(b"\n") + 1]
    assert SECRET.admit(head, MANAGER) == len(SIGNED)
    for start, receiver in [
            (head[:-1], MANAGER), (head, "worker localhost:1"),
            (head.replace(b" 28 ", b" 29 "), MANAGER)]:
        with pytest.raises(SignatureError):
            SECRET.admit(start, receiver)


@given(st.floats(-1000, 1000))
def test_message_is_valid_for_the_window(age):
    """Before and after, because clocks differ."""
    assert accepts(History(30), SIGNED, NOW + age) == (abs(age) <= 30)


def test_late_message_hints_at_the_clocks():
    with pytest.raises(SignatureError, match="signed 412 s ago: are all clo"):
        History(30).accept(SECRET.open(SIGNED, MANAGER), NOW + 412)


@given(st.lists(st.floats(0, 40), max_size=30), st.floats(-30, 30))
def test_message_is_accepted_once(delays, age):
    """Whatever else comes, and whenever it comes again."""
    history = History(30)
    now = NOW + age
    assert accepts(history, SIGNED, now)
    for number, delay in enumerate(delays):
        now += delay
        other = SECRET.sign(PAYLOAD, MANAGER, int(now), f"{number:032x}")
        assert accepts(history, other, now)
        assert not accepts(history, SIGNED, now)


def test_clock_that_is_set_back_opens_no_gap():
    """What came before is still known."""
    history = History(30)
    assert accepts(history, SIGNED, NOW + 20)
    assert not accepts(history, SIGNED, NOW - 20)


def test_old_nonces_are_forgotten():
    """So the memory does not grow for ever."""
    history = History(30)
    sizes = set()
    for second in range(1000):
        signed = SECRET.sign(PAYLOAD, MANAGER, NOW + second, f"{second:032x}")
        assert accepts(history, signed, NOW + second)
        sizes.add(sum(len(nonces) for nonces in vars(history).values()
                      if isinstance(nonces, set)))
    assert max(sizes) <= 120


def test_secret_is_not_shown():
    """Where an object that holds it is logged."""
    assert repr(SECRET) == "Secret(window=30.0)"

import pytest
from typing_extensions import override

from models.errors import ChecksumMismatch, VersionNotFound, WhatsitError
from service.errors import DeadlinePassed, InferenceFailed
from service.shared_engine.wire import (
    Infer,
    Kind,
    Messages,
    message,
    pack_error,
    pack_infer,
    pack_row,
    unpack_error,
    unpack_infer,
    unpack_row,
)


class Heard(Messages):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[tuple[Kind, int, bytes]] = []

    @override
    def receive(self, kind: Kind, number: int, content: bytes) -> None:
        self.messages.append((kind, number, content))


@pytest.mark.parametrize("piece", [1, 2, 7, 13, 14, 1000])
def test_messages_come_whole_in_whatever_pieces(piece: int) -> None:
    sent = [(Kind.OPEN, 1, b"{}"), (Kind.CANCEL, 2**63, b""), (Kind.ROW, 3, b"x" * 50)]
    stream, heard = b"".join(message(*one) for one in sent), Heard()
    for at in range(0, len(stream), piece):
        heard.data_received(stream[at : at + piece])
    assert heard.messages == sent


def test_what_is_no_message_ends_the_conversation() -> None:
    with pytest.raises(ValueError, match="bytes"):
        Heard().data_received(b"\xff" * 13)
    with pytest.raises(ValueError, match="99"):
        Heard().data_received(message(Kind.ROW, 1)[:4] + b"\x63" + bytes(8))


def test_what_is_packed_is_unpacked() -> None:
    infer = Infer(3, 1 << 40, 123.25, False)
    assert unpack_infer(pack_infer(infer)) == infer
    assert unpack_row(pack_row(b"abcd", 0.5, 0.25, 7)) == (b"abcd", 0.5, 0.25, 7)


@pytest.mark.parametrize("error", [VersionNotFound("a"), ChecksumMismatch("b"), DeadlinePassed("c")])
def test_errors_keep_their_kind(error: WhatsitError) -> None:
    found = unpack_error(pack_error(error))
    assert (type(found), str(found)) == (type(error), str(error))


def test_what_nobody_foresaw_is_a_failure_of_the_model() -> None:
    assert isinstance(unpack_error(pack_error(ZeroDivisionError("x"))), InferenceFailed)

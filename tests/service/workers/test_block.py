"""Bytes in shared memory: whole or not there, whoever writes and whoever is killed."""

import mmap
import subprocess
import sys

import pytest

from service.workers.block import Block


def block() -> tuple[Block, memoryview]:
    memory = memoryview(mmap.mmap(-1, Block.SIZE))
    return Block(memory), memory


def test_there_is_nothing_before_anybody_wrote() -> None:
    assert block()[0].read() is None


@pytest.mark.parametrize("size", [0, 1, 1000, Block.LARGEST])
def test_the_latest_is_read_with_who_wrote_it(size: int) -> None:
    shared, _ = block()
    for writer in (1, 2, 3):
        shared.write(bytes([writer]) * size, writer)
        assert shared.read() == (bytes([writer]) * size, writer)


def test_a_writer_that_is_killed_in_the_middle_leaves_what_was_there() -> None:
    shared, memory = block()
    shared.write(b"first", 1)
    shared.write(b"second", 1)
    at = bytes(memory).index(b"first")
    memory[at : at + 3] = b"THI"  # a third had begun, in place of the first
    assert shared.read() == (b"second", 1)
    shared.write(b"fourth", 2)
    assert shared.read() == (b"fourth", 2)


def test_what_is_not_whole_is_not_read() -> None:
    shared, memory = block()
    shared.write(b"whole", 1)
    at = bytes(memory).index(b"whole")
    memory[at] ^= 1
    assert shared.read() is None


# The parent reads what the child writes as fast as it can; of each text one byte is repeated.
_RACE = """
import mmap, os, random
from service.workers.block import Block
shared = Block(memoryview(mmap.mmap(-1, Block.SIZE)))
parent = os.getpid()
if not os.fork():
    while os.getppid() == parent:
        shared.write(bytes([random.randrange(256)]) * random.randrange(1, 50_000), 1)
    os._exit(0)
lengths = set()
while len(lengths) < 100:
    if found := shared.read():
        assert len(set(found[0])) == 1, "torn"
        lengths.add(len(found[0]))
"""


def test_nobody_reads_half_of_what_another_writes() -> None:
    subprocess.run([sys.executable, "-c", _RACE], check=True)

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from models.labels import Labels, check_labels, read_labels

LABELS = TypeAdapter(Labels)


def test_labels_keep_their_order() -> None:
    assert LABELS.validate_python(["zebra", "ant", "寿司"]) == ("zebra", "ant", "寿司")


def test_spaces_around_a_label_are_no_part_of_it() -> None:
    assert LABELS.validate_python([" cat ", "dog\n"]) == ("cat", "dog")


@pytest.mark.parametrize(
    "labels",
    [
        [],
        ["cat"],
        ["cat", "cat"],
        ["cat", " cat "],
        ["cat", ""],
        ["cat", "  "],
        ["cat", "x" * 201],
        ["cat", "two\nlines"],
        ["cat", "\x1b[31mred"],
        ["a", 1],
    ],
)
def test_what_cannot_be_labels(labels: list[object]) -> None:
    with pytest.raises(ValidationError):
        LABELS.validate_python(labels)


def test_the_longest_label() -> None:
    assert LABELS.validate_python(["cat", "x" * 200])[1] == "x" * 200


def test_repeated_labels_are_named() -> None:
    with pytest.raises(ValueError, match="repeated: cat, dog"):
        check_labels(("dog", "cat", "ant", "cat", "dog"))


def test_labels_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffcat\r\n\r\n dog \nübel".encode())
    assert read_labels(path) == ("cat", "dog", "übel")


@pytest.mark.parametrize("content", [b"", b"cat\n", b"cat\ncat\n", "cat\ndog".encode("utf-16")])
def test_a_file_without_labels(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"labels|codec"):
        read_labels(path)

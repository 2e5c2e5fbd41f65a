"""One JSON object a line, whatever is in it."""

import json
import logging
import sys
from pathlib import Path
from typing import Any

from service.observability.logs import JsonFormatter


def line_of(message: str, *arguments: object, **extra: object) -> str:
    record = logging.getLogger("test").makeRecord("test", logging.INFO, __file__, 1, message, arguments, None)
    vars(record).update(extra)
    return JsonFormatter().format(record)


def parsed(line: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(line)
    return content


def test_the_members_and_their_order() -> None:
    line = parsed(line_of("it is %s", "done", model="tiny", version=1))
    assert list(line) == ["time", "level", "event", "model", "version"]
    assert (line["level"], line["event"], line["model"], line["version"]) == ("info", "it is done", "tiny", 1)
    assert line["time"].endswith("+00:00")


def test_control_characters_are_escaped_everywhere() -> None:
    evil = 'a\r\n{"event": "forged"}\x1b[31m\x00\u2028\x7f\udcff'
    line = line_of("%s", evil, path=evil, **{"na\nme": 1})
    assert line.isascii()
    assert line.replace("\x7f", "").isprintable()
    assert parsed(line)["path"] == evil


def test_an_exception_is_one_escaped_text() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.getLogger("test").makeRecord("test", logging.ERROR, __file__, 1, "x", (), sys.exc_info())
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert "two\nlines" in parsed(line)["exception"]


def test_what_json_does_not_know_is_written_as_text() -> None:
    assert parsed(line_of("x", place=Path("a/b"), kinds={int}))["place"] == "a/b"


def test_a_message_with_braces_and_percent_signs_is_left_alone() -> None:
    assert parsed(line_of("100 % of {nothing}"))["event"] == "100 % of {nothing}"

"""Logs as JSON, one object a line. json.dumps escapes control characters, so no client can forge a line."""

import json
import logging
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import cast

from pydantic_core import PydanticSerializationError, to_json

from service.observability.lines import LinesHandler

# Where a line that is written often has its members, as one dict: to tell them from those of every record takes time.
FIELDS = "fields"
_LEVELS = {number: name.lower() for name, number in logging.getLevelNamesMapping().items()}
# What every LogRecord has; the rest came in by ``extra=``.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


@lru_cache(maxsize=2)
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


class JsonFormatter(logging.Formatter):
    """``{"time", "level", "event", ...extras}``; an exception becomes one escaped text.

    ``always`` are members of every line.
    """

    def __init__(self, **always: object) -> None:
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of ``record``."""
        members = vars(record)
        fields = members.get(FIELDS) or {name: value for name, value in members.items() if name not in _STANDARD}
        if record.exc_info:
            fields = {**fields, "exception": self.formatException(record.exc_info)}
        return self.line(record.created, record.levelname.lower(), record.getMessage(), fields)

    def line(self, seconds: float, level: str, event: str, fields: Mapping[str, object]) -> str:
        """Return the line of what happened at ``seconds`` since 1970."""
        moment = f"{_to_the_second(int(seconds))}.{int(seconds * 1000) % 1000:03}+00:00"
        members = {"time": moment, "level": level, "event": event, **self._always, **fields}
        try:
            return to_json(members, fallback=str, ensure_ascii=True).decode("ascii").replace("\x7f", "\\u007f")
        except PydanticSerializationError:  # of half a surrogate pair, in the name of a file say
            return json.dumps(members, default=str)


def tell(log: logging.Logger, level: int, event: str, fields: Mapping[str, object]) -> None:
    """As ``log.log`` does, in a quarter of its time where nobody but the handler of ``configure_logs`` listens."""
    if not log.isEnabledFor(level):
        return
    handlers = logging.root.handlers
    if len(handlers) == 1 and isinstance(handler := handlers[0], LinesHandler) and not log.handlers:
        formatter = cast(JsonFormatter, handler.formatter)
        handler.take(formatter.line(time.time(), _LEVELS[level], event, fields), level)
    else:
        log.log(level, event, extra={FIELDS: fields})


def configure_logs(level: str, **always: object) -> None:
    """Send all logs of the process to standard error as JSON, with the members ``always`` in every line."""
    # What no line says need not be found out for each: https://docs.python.org/3/howto/logging.html#optimization
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - that page says so
    handler = LinesHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(**always))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Its access log repeats ours without the request's id; its start and stop lines speak for themselves.
    logging.getLogger("uvicorn.access").disabled = True
    # It warns of each broken body, which our line of that request tells with the request's id.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)

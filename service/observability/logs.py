"""Logs as JSON, one object a line. json.dumps escapes control characters, so no client can forge a line."""

import json
import logging
import sys
from datetime import UTC, datetime

from service.observability.lines import LinesHandler

# Where a line that is written often has its members, as one dict: to tell them from those of every record takes time.
FIELDS = "fields"
_encode = json.JSONEncoder(default=str).encode  # json.dumps would make one for each line
# What every LogRecord has; the rest came in by ``extra=``.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """``{"time", "level", "event", ...extras}``; an exception becomes one escaped text.

    ``always`` are members of every line.
    """

    def __init__(self, **always: object) -> None:
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of ``record``."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **self._always,
        }
        members = vars(record)
        if FIELDS in members:
            line |= members[FIELDS]
        else:
            line |= {name: value for name, value in members.items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line)


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

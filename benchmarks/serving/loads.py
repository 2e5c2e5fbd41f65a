"""The loads: what is sent, by how many connections or how often."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.targets import Server, Setting
from benchmarks.serving.works import Work
from benchmarks.serving.wrk import Message

BATCH = 32
_BOUNDARY = "benchmark"


@dataclass(frozen=True, slots=True)
class Load:
    """Closed loops have ``connections``; open ones a ``share`` of the most images a second that closed ones reached.

    ``form`` is how images are sent: ``single`` is the first form of the server, raw where it takes that. ``longer``
    multiplies the seconds.
    """

    name: str
    title: str
    form: str = "single"
    connections: int = 0
    share: float = 0
    longer: float = 1

    @property
    def counts_for_peak(self) -> bool:
        """Whether it is one of those that the rates of open loops follow from."""
        return self.form == "single" and self.connections > 0


CONNECTIONS = (1, 8, 32, 64)
LOADS = (
    *(Load(f"closed-{c}", f"{c} connection{'s' * (c > 1)}", connections=c) for c in CONNECTIONS),
    Load("multipart-32", "multipart, 32 connections", "multipart", connections=32),
    Load("batch-8", f"batches of {BATCH}, 8 connections", "batch", connections=8),
    Load("steady", "open loop at 70 % of peak", share=0.7),
    # Last, for it leaves a queue; longer, for what is let in may wait as long as the deadline.
    Load("overload", "open loop at 3 times peak", share=3, longer=2),
)
# What a limit and the start of a server are measured under.
LIMIT, START = Load("loop", "plain loop"), Load("start", "start")


def loads_of(server: Server, setting: Setting, work: Work) -> list[Load]:
    """The loads that ``server`` is measured under in ``work``, in their order."""
    if work.loads == "start" or (server.works and work.name not in server.works):
        return []
    return [
        load
        for load in LOADS
        if (not server.only or load.name in server.only)
        and (load.form == "single" or (load.form in setting.paths and load.form != setting.form))
        and not (load.form == "batch" and work.loads == "single")
    ]


def write_messages(work: Work, folder: Path) -> Mapping[str, Message]:
    """Write the body of each form into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    multipart = f"multipart/form-data; boundary={_BOUNDARY}"
    bodies = {
        "raw": (work.image, work.content_type, 1),
        "multipart": (_form("file", work, 1), multipart, 1),
        "batch": (_form("files", work, BATCH), multipart, BATCH),
    }
    messages = {}
    for form, (body, content_type, images) in bodies.items():
        file = folder / f"{work.name}-{form}"
        file.write_bytes(body)
        messages[form] = Message(file, content_type, images)
    return messages


def _form(field: str, work: Work, times: int) -> bytes:
    head = f'--{_BOUNDARY}\r\ncontent-disposition: form-data; name="{field}"; filename="{work.image_file.name}"\r\n'
    part = f"{head}content-type: {work.content_type}\r\n\r\n".encode() + work.image + b"\r\n"
    return part * times + f"--{_BOUNDARY}--\r\n".encode()

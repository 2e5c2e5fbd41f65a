"""What decoding costs, measured in a process of its own: inside this one, memory freed earlier would hide it."""

import subprocess
import sys

from models.manifest import InputSpec

_SCRIPT = """
import sys
from pathlib import Path
from models.errors import WhatsitError
from models.manifest import InputSpec
from models.preprocess import load_pixels
from tests.support.images import samples

def peak():  # of this process; ru_maxrss would begin with that of its parent
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024

spec = InputSpec.model_validate_json(sys.argv[1])
for sample in samples().values():  # what Pillow loads once does not count
    load_pixels(sample, spec)
before = peak()
try:
    load_pixels(sys.stdin.buffer.read(), spec)
except WhatsitError:
    pass
print(peak() - before)
"""


def decoding_cost(data: bytes, spec: InputSpec) -> int:
    """By how many bytes the peak of resident memory grows while ``data`` becomes pixels."""
    command = [sys.executable, "-c", _SCRIPT, spec.model_dump_json()]
    return int(subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True, timeout=60).stdout)

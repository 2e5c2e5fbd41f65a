"""``make demo``: start the service on the shipped models, classify the sample images over HTTP, print, stop."""

import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from service.background import Running, running

SAMPLES = Path(__file__).parent / "samples"
_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


def main() -> int:
    """Run the demo; returns the exit code of the service."""
    table = Table("image", "model", "label", "score", "decision", "ms", title="What is in the sample images")
    with running({"log_level": "warning", "keys": SAMPLES / "no-keys.json"}) as server:
        for folder in sorted(path for path in SAMPLES.iterdir() if path.is_dir()):
            for image in sorted(path for path in folder.iterdir() if path.suffix in _TYPES):
                table.add_row(*_classify(server, folder.name, image))
        code = server.stop()
    Console().print(table)
    return code


def _classify(server: Running, model: str, image: Path) -> tuple[str, ...]:
    path = f"/v1/models/{model}/predict"
    status, answer = server.ask("POST", path, image.read_bytes(), _TYPES[image.suffix])
    if status != 200:
        raise SystemExit(f"{image.name}: {status} {answer['detail']}")
    used = f"{answer['model']['name']}@{answer['model']['version']}"
    ms = f"{answer['timing_ms']['total']:.1f}"
    return (image.name, used, answer["label"], f"{answer['score']:.1%}", answer["decision"], ms)


if __name__ == "__main__":
    sys.exit(main())

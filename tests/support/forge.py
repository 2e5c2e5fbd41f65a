"""What somebody can do to a bundle who may write to the store."""

import json
from pathlib import Path

from models.checksums import sha256_of


def forge(bundle: Path, file: str, content: bytes) -> None:
    """Change a file, or add one, and its checksum with it."""
    (bundle / file).parent.mkdir(exist_ok=True)
    (bundle / file).write_bytes(content)
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"][file] = sha256_of(bundle / file)
    (bundle / "manifest.json").write_text(json.dumps(manifest))

"""Where things lie in a store: ``ROOT/NAME/VERSION/...`` and ``ROOT/NAME/aliases.json``."""

import json
import uuid
from pathlib import Path

from models.manifest import Precision
from models.refs import check_name, parse_version

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
GOLDEN_DIR = "golden"
GOLDEN_FILE = "golden.json"
HOLDS = "holds"
ALIASES = "aliases.json"
AUDIT_LOG = "audit.jsonl"
LOCK = ".lock"
SETTINGS_FILE = Path("whatsit.toml")  # in the working directory
# A bundle that is still being written; no version can have such a name.
UNFINISHED = ".unfinished-"


def graph_file(precision: Precision) -> str:
    """The name of a graph's file within its bundle, and within the run that made it."""
    return "model.onnx" if precision == "fp32" else f"model.{precision}.onnx"


def model_dir(root: Path, name: str) -> Path:
    """The folder of one model; raises InvalidRef for a name that may not name one."""
    return root / check_name(name)


def bundle_dir(root: Path, name: str, version: int) -> Path:
    """The folder of one version."""
    return model_dir(root, name) / str(parse_version(str(version)))


def write_json(path: Path, content: object) -> None:
    """Write indented JSON with a final newline."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in one step, so that whoever reads it sees the old content or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    fresh.write_bytes(content)
    fresh.replace(path)

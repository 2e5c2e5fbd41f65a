"""What serving needs is less than what training needs."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["service.app", "service.server", "service.cli.serve"])
def test_the_service_imports_nothing_of_training(module: str) -> None:
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert {"fastapi", "onnxruntime", "models"} <= loaded or module == "service.cli.serve"
    assert not loaded & {
        "torch",
        "onnx",
        "cryptography",
        "onnxscript",
        "sqlalchemy",
        "psycopg",
        "pyarrow",
        "fsspec",
        "lightning",
        "training",
        "pytest",
        "httpx",
        "skimage",
    }


def test_nothing_is_read_or_opened_by_an_import(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("broken")
    (folder / "whatsit.toml").write_text("this is no toml")
    code = "import service.app, service.server, service.cli.main"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_imports_start_no_thread_that_could_report_to_anybody_or_be_lost_in_a_fork() -> None:
    # OpenBLAS has threads too, but ends them before a fork.
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    code = "import os, service.server; print(len(os.listdir('/proc/self/task')))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment | {"OPENBLAS_NUM_THREADS": "1"},
    )
    assert result.stdout.split() == ["1"]

import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest

from models.store import Store
from tests.service.cli.conftest import Result, Whatsit, assert_failed

BUILT_WITH_CUDA = "CUDAExecutionProvider" in onnxruntime.get_available_providers()


@pytest.mark.skipif(BUILT_WITH_CUDA, reason="here CUDA may really be there")
def test_cuda_that_is_not_there_is_told_before_anything_listens(whatsit: Whatsit, store: Store) -> None:
    result = whatsit("serve", "--store", str(store.location), "--port", "0", "--device", "cuda")
    assert_failed(result, 1, "onnxruntime was built without CUDA")


def test_a_misspelt_variable_does_not_pass_as_a_default(
    whatsit: Whatsit, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATSIT_PROT", "9000")
    result = whatsit("serve", "--store", store.location, "--port", "0")
    assert result.code == 2
    assert "WHATSIT_PROT" in result.err


def test_a_precision_that_is_not_there_is_told_before_anything_listens(whatsit: Whatsit, store: Store) -> None:
    result = whatsit("serve", "--store", str(store.location), "--port", "0", "--precision", "int8")
    assert_failed(result, 1, "there is no int8 graph, only fp32")


def test_with_several_workers_as_well(store: Store) -> None:
    command = [sys.executable, "-m", "service.cli.main", "serve", "--store", store.location, "--workers", "2"]
    done = subprocess.run([*command, "--precision", "int8"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "error: there is no int8 graph, only fp32: ask for one of these, or auto\n",
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "`whatsit keys create` makes it"), ("nonsense", "keys.json is no file of keys")],
)
def test_what_others_can_reach_is_not_served_without_keys(store: Store, content: str | None, reason: str) -> None:
    if content is not None:
        Path("keys.json").write_text(content)
    command = [
        sys.executable,
        "-m",
        "service.cli.main",
        "serve",
        "--store",
        store.location,
        "--workers",
        "1",
        "--port",
        "0",
    ]
    done = subprocess.run([*command, "--host", "0.0.0.0"], capture_output=True, text=True, check=False)  # noqa: S104
    assert_failed(Result(done.returncode, done.stdout, done.stderr), 1, reason)

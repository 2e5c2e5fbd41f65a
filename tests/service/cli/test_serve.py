import subprocess
import sys

import onnxruntime
import pytest

from models.store import Store
from tests.service.cli.conftest import Whatsit, assert_failed

BUILT_WITH_CUDA = "CUDAExecutionProvider" in onnxruntime.get_available_providers()


@pytest.mark.skipif(BUILT_WITH_CUDA, reason="here CUDA may really be there")
def test_cuda_that_is_not_there_is_told_before_anything_listens(whatsit: Whatsit, store: Store) -> None:
    result = whatsit("serve", "--store", str(store.root), "--port", "0", "--device", "cuda")
    assert_failed(result, 1, "onnxruntime was built without CUDA")


def test_a_misspelt_variable_does_not_pass_as_a_default(
    whatsit: Whatsit, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATSIT_PROT", "9000")
    result = whatsit("serve", "--store", store.root, "--port", "0")
    assert result.code == 2
    assert "WHATSIT_PROT" in result.err


def test_a_precision_that_is_not_there_is_told_before_anything_listens(whatsit: Whatsit, store: Store) -> None:
    result = whatsit("serve", "--store", str(store.root), "--port", "0", "--precision", "int8")
    assert_failed(result, 1, "there is no int8 graph, only fp32")


def test_with_several_workers_as_well(store: Store) -> None:
    command = [sys.executable, "-m", "service.cli.main", "serve", "--store", store.root, "--workers", "2"]
    done = subprocess.run([*command, "--precision", "int8"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "error: there is no int8 graph, only fp32: ask for one of these, or auto\n",
    )

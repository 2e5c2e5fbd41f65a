"""Which graph of a version runs, and how that is known of a processor."""

from pathlib import Path

import pytest

from models import precision
from models.errors import PrecisionMissing
from models.manifest import Graph, Measured, Precision
from models.precision import Asked, RealDevice, choose, has_vnni


def graphs(**speed_ups: float | None) -> dict[Precision, Graph]:
    return {
        name: Graph(
            file=f"{name}.onnx",
            opset=20,
            measured=Measured(accuracy=0.9, expected_calibration_error=0, bytes=1, speed_up=speed_up, hardware="h"),
        )
        for name, speed_up in speed_ups.items()
    }


@pytest.fixture
def vnni(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_vnni", lambda: request.param)


@pytest.mark.parametrize(
    ("device", "vnni", "there", "chosen"),
    [
        ("cpu", True, {"fp32": 1, "fp16": None, "int8": 3.2}, "int8"),
        ("cpu", True, {"fp32": 1, "int8": 0.9}, "fp32"),
        ("cpu", True, {"fp32": 1, "int8": None}, "fp32"),
        ("cpu", False, {"fp32": 1, "fp16": None, "int8": 3.2}, "fp32"),
        ("cpu", False, {"fp16": None, "int8": 3.2}, "int8"),
        ("cpu", True, {"fp16": None}, "fp16"),
        ("cuda", True, {"fp32": 1, "fp16": None, "int8": 3.2}, "fp32"),
        ("cuda", True, {"fp16": None, "int8": 3.2}, "fp16"),
        ("cuda", True, {"fp32": 1, "fp16": 2.1, "int8": 3.2}, "fp16"),
        ("cuda", True, {"fp32": 1, "fp16": 0.8, "int8": 3.2}, "fp32"),
        ("cuda", True, {"fp32": 1, "int8": 3.2}, "fp32"),
        ("cuda", True, {"int8": 3.2}, "int8"),
    ],
    indirect=["vnni"],
)
@pytest.mark.usefixtures("vnni")
def test_auto_takes_what_pays(device: RealDevice, there: dict[str, float | None], chosen: Precision) -> None:
    assert choose(graphs(**there), device, "auto").precision == chosen


def test_what_was_never_measured_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_vnni", lambda: True)
    files = {name: Graph(file=f"{name}.onnx", opset=20) for name in graphs(fp32=1, fp16=1, int8=1)}
    assert choose(files, "cuda", "auto").precision == "fp32"
    assert choose(files, "cpu", "auto").precision == "fp32"


@pytest.mark.parametrize(
    ("device", "vnni", "there", "reason"),
    [
        ("cuda", True, {"fp32": 1, "fp16": None}, "fp16 was never measured on cuda; it runs when asked for by name"),
        ("cuda", True, {"fp32": 1, "fp16": 0.8}, "fp16 was measured to be 0.8 times as fast as fp32"),
        ("cuda", True, {"fp32": 1, "fp16": 2.1}, "fp16 was measured to be 2.1 times as fast as fp32"),
        ("cuda", True, {"fp32": 1, "int8": 2}, "there is no fp16 graph"),
        ("cpu", False, {"fp32": 1, "int8": 3.2}, "the processor has no VNNI, without which int8 does not pay"),
        ("cpu", True, {"int8": None}, "there is no fp32 graph"),
    ],
    indirect=["vnni"],
)
@pytest.mark.usefixtures("vnni")
def test_the_log_can_say_why(device: RealDevice, there: dict[str, float | None], reason: str) -> None:
    assert choose(graphs(**there), device, "auto").reason == f"auto: {reason}"


@pytest.mark.parametrize("asked", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_what_is_asked_for_runs(device: RealDevice, asked: Asked) -> None:
    assert choose(graphs(fp32=1, fp16=0.1, int8=0.1), device, asked) == (asked, "asked for")


def test_what_is_not_there_is_an_error_that_says_what_is() -> None:
    with pytest.raises(PrecisionMissing, match="no int8 graph, only fp32, fp16"):
        choose(graphs(fp32=1, fp16=None), "cpu", "int8")


@pytest.mark.parametrize(
    ("flags", "there"),
    [
        ("fpu avx512f avx512_vnni", True),
        ("avx2 avx_vnni", True),
        ("fpu avx2 avx512f avx512bw", False),
        ("avx512_vnni_of_another_name", False),
    ],
)
def test_vnni_is_read_from_the_flags(tmp_path: Path, flags: str, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nmodel name\t: a\nflags\t\t: {flags}\nbugs\t\t: none\n")
    assert has_vnni(tmp_path / "cpuinfo") is there


def test_vnni_is_not_known_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert has_vnni(tmp_path / "nothing") is False
    (tmp_path / "arm").write_text("flags\t: avx512_vnni\n")
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert has_vnni(tmp_path / "arm") is False

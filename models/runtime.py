"""One ONNX graph opened in onnxruntime: pixels in, probabilities out."""

from pathlib import Path
from typing import Literal, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.errors import DeviceUnavailable, SignatureMismatch, UnsafeGraph
from models.graph_file import MAX_GRAPH_BYTES, inspect_graph
from models.manifest import InputSpec
from models.postprocess import Probabilities
from models.precision import RealDevice, has_vnni

Device = Literal["auto", "cpu", "cuda"]

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
# HEURISTIC picks convolution algorithms at once instead of timing them all for each new batch size.
_CUDA_OPTIONS = {"cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"}
_PROVIDERS: dict[RealDevice, str] = {"cpu": _CPU, "cuda": _CUDA}
# It moves the rounding to bytes up before a pooling that follows a layer in float32, where pooling of bytes is slow:
# a tutorial's network of 150 x 150 pixels ran at 0.4 times the speed of float32 with it, at 1.5 times without.
_SLOWER = ["QDQPropagationTransformer"]
_TWICE_BYTES = 200_000_000  # each session has weights of its own
_FATAL_ONLY = 4  # errors come as exceptions; told by onnxruntime as well, they break a log of JSON lines


class Session:
    """A graph in memory on one device.

    ``threads`` is the number of intra-op threads, 0 for one a core. With more ``threads_alone`` than these a graph that
    is not too large is opened twice on a CPU, and such runs as have the machine to themselves take that many. Raises
    UnsafeGraph when the graph may not be opened or onnxruntime cannot, DeviceUnavailable when ``cuda`` was asked for
    and is not what would run.
    """

    def __init__(self, graph: bytes, device: RealDevice = "cpu", threads: int = 0, threads_alone: int = 0) -> None:
        self.opset, self.loops = inspect_graph(graph)
        self._session = self._alone = _open(graph, _PROVIDERS[device], threads)
        if device == "cpu" and threads_alone > threads > 0 and len(graph) <= _TWICE_BYTES:
            self._alone = _open(graph, _CPU, threads_alone, alone=True)
        self._options = onnxruntime.RunOptions()
        self.provider: str = self._session.get_providers()[0]

    @property
    def device(self) -> RealDevice:
        """``cpu`` or ``cuda``: where the graph really runs."""
        return "cuda" if self.provider == _CUDA else "cpu"

    @property
    def ways(self) -> tuple[bool, ...]:
        """The values of ``alone`` that make a difference to ``run``."""
        return (False,) if self._alone is self._session else (False, True)

    def keep_to_one_way(self) -> None:
        """Run as if ``threads_alone`` had not been given."""
        self._alone = self._session

    def check_signature(self, spec: InputSpec, classes: int) -> None:
        """Raise SignatureMismatch unless the graph takes and gives what ``spec`` and ``classes`` say."""
        inputs = [(i.name, i.type, tuple(i.shape[1:])) for i in self._session.get_inputs()]
        outputs = [(o.name, o.type, tuple(o.shape[1:])) for o in self._session.get_outputs()]
        if inputs != [("pixels", "tensor(uint8)", spec.shape)]:
            raise SignatureMismatch(f"the graph takes {inputs}; wanted: pixels, uint8, [N, {_shape(spec)}]")
        if outputs != [("probabilities", "tensor(float)", (classes,))]:
            raise SignatureMismatch(f"the graph gives {outputs}; wanted: probabilities, float32, [N, {classes}]")
        batches = [value.shape[0] for value in (*self._session.get_inputs(), *self._session.get_outputs())]
        if any(isinstance(batch, int) for batch in batches):
            raise SignatureMismatch("the batch axis of the graph is fixed; export it with a free one")

    def run(self, pixels: NDArray[np.uint8], *, alone: bool = False) -> Probabilities:
        """Return float32 ``[N, classes]`` for uint8 ``[N, height, width, channels]``.

        ``alone``: nothing else is to be done on this machine now. Several threads may call it at a time.
        """
        session = self._alone if alone else self._session
        return cast(Probabilities, session.run(["probabilities"], {"pixels": pixels}, self._options)[0])

    def stop(self) -> None:
        """Have every run that is under way fail at its next node, and every later one at its first."""
        self._options.terminate = True


def open_session(graph: Path, device: RealDevice = "cpu", threads: int = 0) -> Session:
    """Open the graph in a file; see Session."""
    return Session(read_graph(graph), device, threads)


def real_devices(device: Device) -> tuple[RealDevice, ...]:
    """Where to try to run, in order: ``auto`` is CUDA where onnxruntime was built with it, then the CPU."""
    if device != "auto":
        return (device,)
    return ("cuda", "cpu") if _CUDA in onnxruntime.get_available_providers() else ("cpu",)


def read_graph(path: Path) -> bytes:
    """Return the bytes of a graph; raise UnsafeGraph when the file is too large to be opened."""
    if path.stat().st_size > MAX_GRAPH_BYTES:
        raise UnsafeGraph(f"{path.name} is larger than {MAX_GRAPH_BYTES:,} bytes")
    return path.read_bytes()


def _shape(spec: InputSpec) -> str:
    return ", ".join(map(str, spec.shape))


def _open(graph: bytes, provider: str, threads: int, *, alone: bool = False) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _FATAL_ONLY
    # Threads of onnxruntime's pool that spin between two runs take the cores that decode the next images: two processes
    # of two threads each ran MobileNetV2 on 235 images a second on two cores, 420 without spinning and 482 with one
    # thread each. Within a run that has both cores to itself they take 2.0 ms for an image, 3.4 without and 3.9 alone.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if alone else "0")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # Without VNNI, sums of products of bytes saturate in 16 bits: a convolution gave 9.4e6 for 1.87e7 under AVX2, and
    # with this exactly what VNNI gives. Where VNNI is, it is not needed and takes more than half of the speed.
    options.add_session_config_entry("session.x64quantprecision", "0" if has_vnni() else "1")
    providers: list[str | tuple[str, dict[str, str]]] = [_CPU]
    if provider == _CUDA:
        if _CUDA not in onnxruntime.get_available_providers():
            raise DeviceUnavailable("onnxruntime was built without CUDA: `make gpu` puts onnxruntime-gpu in its place")
        onnxruntime.preload_dlls()  # the CUDA libraries that came as wheels
        providers.insert(0, (_CUDA, _CUDA_OPTIONS))
    try:
        # Its fallback would go on with the CPU, now or in the middle of serving, and say so on stdout only.
        session = onnxruntime.InferenceSession(
            graph, options, providers=providers, enable_fallback=0, disabled_optimizers=_SLOWER
        )
    except Exception as error:  # onnxruntime's errors share no root but Exception
        if provider == _CUDA:
            _open(graph, _CPU, threads)  # says so when it is the graph that is broken
            raise DeviceUnavailable(f"{provider} does not start: {_first_line(error)}") from error
        raise UnsafeGraph(f"onnxruntime cannot open the graph: {_first_line(error)}") from error
    if session.get_providers()[0] != provider:
        # onnxruntime falls back to the CPU with a warning only; a service asked for CUDA must not.
        raise DeviceUnavailable(
            f"{provider} does not start: onnxruntime would run on {session.get_providers()[0]}; check the driver and "
            "the CUDA libraries, or ask for the device cpu"
        )
    return session


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]

from pathlib import Path

import pytest

from benchmarks import served_equals_evaluated
from models.locations import default_root
from models.manifest import Manifest
from models.refs import parse_ref
from models.store import Store
from tests.training.support import write_cifar10


@pytest.fixture
def shipped() -> Manifest:
    """That of the version that answers."""
    store = Store(default_root())
    resolved = store.resolve(parse_ref("cifar10"))
    return store.manifest(resolved.name, resolved.version)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_what_is_served_is_compared_with_the_same_graph(
    shipped: Manifest,
    precision: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_cifar10(tmp_path, 60)
    monkeypatch.setattr("sys.argv", ["benchmark", str(tmp_path), "--precision", precision])
    served_equals_evaluated.main()
    graph, served, evaluated = capsys.readouterr().out.splitlines()
    assert graph == f"cifar10@{shipped.version} in {precision}"
    assert " of 60 correct" in served
    measured = shipped.graphs[precision].measured  # type: ignore[index]
    assert measured is not None
    assert evaluated == f"evaluated: {round(measured.accuracy * 10_000)} of 10000 correct"


def test_a_graph_that_was_not_measured_by_itself_has_the_numbers_of_the_version(shipped: Manifest) -> None:
    manifest = shipped.model_dump()
    manifest["graphs"]["fp32"]["measured"] = None
    assert served_equals_evaluated.evaluated(manifest, "fp32") == shipped.metrics.correct

"""The report in a published version, and whether it shows images of the data."""

import shutil
from pathlib import Path

import pytest

from models.documents import REPORT, read_document
from models.opening import open_version
from models.store import Store
from tests.training.report.support import made_up_run
from training.errors import RunUnusable
from training.release import Contents, make_release, publish
from training.run import Run


def test_a_published_version_has_its_report(finished: Run, tmp_path: Path) -> None:
    store = Store(tmp_path)
    publish(finished, store, "shapes", who="tests")
    assert REPORT in open_version(store, "shapes", 1).manifest.files
    html = read_document(store, "shapes", 1, REPORT).data.decode()
    assert "<bdi>shapes</bdi>" in html
    assert f"{finished.metrics().accuracy:.2%}" in html


@pytest.mark.parametrize(
    ("licence", "asked", "shown"), [("CC0", None, True), ("", None, False), ("", True, True), ("CC0", False, False)]
)
def test_images_are_shown_where_a_licence_or_the_publisher_says_so(
    finished: Run, tmp_path: Path, licence: str, asked: bool | None, shown: bool
) -> None:
    run = made_up_run(tmp_path, ("a", "b"), f"data.licence={licence!r}")
    html = make_release(run, "shapes", Contents(finished.golden, asked)).documents[REPORT]
    assert ("data:image" in html) == shown
    assert ("nobody said that they may be published" in " ".join(html.split())) != shown


def test_a_run_without_evidence_is_not_published(finished: Run, tmp_path: Path) -> None:
    shutil.copytree(finished.folder, tmp_path / "run")
    (tmp_path / "run" / "test.npz").unlink()
    with pytest.raises(RunUnusable, match=r"there is no test\.npz: the run is not finished"):
        publish(Run(tmp_path / "run"), Store(tmp_path), "shapes", who="tests")
    assert Store(tmp_path).names() == []

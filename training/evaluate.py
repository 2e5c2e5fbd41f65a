"""Evaluation of an exported graph, of a run or of a published version, the way the service would answer."""

from pathlib import Path
from tempfile import TemporaryDirectory

from models.manifest import Metrics, Strict
from training.images import read_images
from training.progress import say
from training.scores import score
from training.subject import Subject


class Evaluation(Strict):
    """What was measured on what. ``same_test_split``: the images are exactly the test split of the training."""

    subject: str
    data: str
    same_test_split: bool
    unreadable: int
    metrics: Metrics


def evaluate(subject: Subject, data_path: Path | None) -> Evaluation:
    """Measure ``subject`` on the test split of the data at ``data_path``.

    Without it, on the data of the run, else of the recipe. Data with a test split of its own is measured on that; a
    folder without splits on the split that training drew from it, or on all of its images if it is another folder.
    Raises InvalidData when it has classes that the model does not know.
    """
    with TemporaryDirectory(prefix="whatsit-evaluate-") as cache:
        images = read_images([subject], data_path, Path(cache))
        probabilities, targets = images.answers(subject), images.targets(subject)
    (same,) = images.held_out
    split = "test" if same else "other"
    if not same:
        say("these images are not the test split of the training; were some of them trained on, the numbers flatter")
    return Evaluation(
        subject=subject.title,
        data=images.source.name,
        same_test_split=same,
        unreadable=images.unreadable,
        metrics=score(probabilities, targets, subject.labels, split, subject.temperature),
    )

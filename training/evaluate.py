"""Evaluation of an exported graph, of a run or of a published version, the way the service would answer."""

from pathlib import Path
from tempfile import TemporaryDirectory

from models.manifest import Metrics, Strict
from training.images import Images, read_images
from training.scores import score
from training.subject import Subject


class Evaluation(Strict):
    """What was measured on what.

    ``same_test_split``: the images are exactly the test split of the training. ``held_out``: they are of it, so that
    the training certainly learnt from none of them. ``warning`` says what that means where they are not all of it.
    """

    subject: str
    data: str
    same_test_split: bool
    held_out: bool
    unreadable: int
    warning: str | None
    metrics: Metrics


def evaluate(subject: Subject, data_path: Path | None) -> Evaluation:
    """Measure ``subject`` on the test split of the data at ``data_path``.

    Without it, on the data of the run, else of the recipe. Data with a test split of its own is measured on that; a
    folder without splits on the split that training drew from it, or on all of its images if it is another folder, or
    has changed too much to know that split again. Raises InvalidData when it has classes that the model does not know.
    """
    with TemporaryDirectory(prefix="whatsit-evaluate-") as cache:
        images = read_images([subject], data_path, Path(cache))
        probabilities, targets = images.answers(subject), images.targets(subject)
    (held_out,) = images.held_out
    same = images.are_test_split(subject)
    split = "test" if held_out else "not known to be held out"
    return Evaluation(
        subject=subject.title,
        data=images.source.name,
        same_test_split=same,
        held_out=held_out,
        unreadable=images.unreadable,
        warning=None if same else _warning(images, subject, held_out=held_out),
        metrics=score(probabilities, targets, subject.labels, split, subject.temperature),
    )


def _warning(images: Images, subject: Subject, *, held_out: bool) -> str:
    """What to mind of images that are not exactly the test split."""
    if held_out:
        return (
            f"the data has changed since the training: of its test split, these are the {len(images.rows):,} images "
            "that are there and can be read"
        )
    told = (
        "these images are not known to be held out: they are not the test split of the training, and if it learnt from "
        "any of them, the numbers flatter; trust them only for images that the training has never seen"
    )
    if subject.test_images:
        return told
    return f"{told} (where the data of the training has changed, its run still knows the test split: name its folder)"

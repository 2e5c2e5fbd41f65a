"""Evaluation of an exported graph, of a run or of a published version, the way the service would answer."""

from pathlib import Path
from tempfile import TemporaryDirectory

from models.manifest import Metrics, Strict
from training.images import Images, read_images
from training.promises import Promises, measure_promises
from training.scores import score
from training.subject import Subject


class Evaluation(Strict):
    """What was measured on what.

    ``same_test_split``: the images are exactly the test split of the training. ``held_out``: they are of it, and the
    weights that the training began with did not learn from any of that split either; None where that is not known.
    ``warning`` says what that means where they are not the whole of it, or not held out.
    """

    subject: str
    data: str
    same_test_split: bool
    held_out: bool | None
    unreadable: int
    warning: str | None
    metrics: Metrics
    promises: Promises


def evaluate(subject: Subject, data_path: Path | None) -> Evaluation:
    """Measure ``subject`` on the test split of the data at ``data_path``.

    Without it, on the data of the run, else of the recipe. Data with a test split of its own is measured on that; a
    folder without splits on the split that training drew from it, or on all of its images if it is another folder, or
    has changed too much to know that split again. Raises InvalidData when it has classes that the model does not know.
    """
    with TemporaryDirectory(prefix="whatsit-evaluate-") as cache:
        images = read_images([subject], data_path, Path(cache))
        probabilities, targets = images.answers(subject), images.targets(subject)
    of_test_split, held_out = images.of_test_split[0], images.held_out[0]
    same = images.are_test_split(subject)
    split = "test" if of_test_split else "not known to be held out"
    changed = None if same else _warning(images, subject, of_test_split=of_test_split)
    flattered = subject.doubt if of_test_split else None
    return Evaluation(
        subject=subject.title,
        data=images.source.name,
        same_test_split=same,
        held_out=held_out,
        unreadable=images.unreadable,
        warning="; ".join(filter(None, (changed, flattered))) or None,
        promises=measure_promises(probabilities, targets, subject.decision, subject.conformal),
        metrics=score(probabilities, targets, subject.labels, split, subject.temperature),
    )


def _warning(images: Images, subject: Subject, *, of_test_split: bool) -> str:
    """What to mind of images that are not exactly the test split."""
    if of_test_split:
        return (
            f"the data has changed since the training: of its test split, these are the {len(images.rows):,} images "
            "that are there and can be read"
        )
    if subject.recipe is None:
        return "what the imported model has learnt from is not known: trust the numbers only for images new to it"
    told = (
        "these images are not known to be held out: they cannot be recognised as the test split of the training, and "
        "if it learnt from any of them, the numbers flatter; trust them only for images that it has never seen"
    )
    if subject.test_images:
        return told
    return f"{told} (where the data of the training has changed, its run still knows the test split: name its folder)"

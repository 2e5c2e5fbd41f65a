"""The images that finished graphs are measured on: the same for all of them, each as its own graph sees them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np

from models.manifest import InputSpec
from models.postprocess import Probabilities
from models.preprocess import Pixels
from training.answers import run_graph
from training.data.dataset import decode
from training.data.samples import Source
from training.data.sources import open_source
from training.data.splits import Indices, fingerprint, make_splits
from training.errors import InvalidData, NotComparable
from training.subject import Subject


@dataclass(frozen=True)
class View:
    """Samples as one input sees them: ``pixels[places[row]]`` are those of the sample ``row`` with ``digests[row]``."""

    pixels: Pixels
    places: dict[int, int]
    digests: dict[int, bytes]


@dataclass(frozen=True)
class Images:
    """The chosen ``rows`` of ``source``, readable for all; ``unreadable`` counts those that are left out for that.

    ``of_test_split`` says for each of the subjects, by its place, whether they are certainly of the test split of its
    training, if not all of it. ``held_out`` says whether, besides, the weights that this began with learnt from nothing
    of that split; None where that is not known. ``views`` has the pixels that each input sees.
    """

    source: Source
    rows: Indices
    unreadable: int
    of_test_split: tuple[bool, ...]
    held_out: tuple[bool | None, ...]
    views: dict[InputSpec, View]

    def answers(self, subject: Subject) -> Probabilities:
        """The probabilities float32 ``[rows, classes]`` that a subject gives."""
        view = self.views[subject.input]
        places = np.array([view.places[row] for row in self.rows.tolist()], np.int64)
        return run_graph(subject.session, view.pixels, places)

    def targets(self, subject: Subject) -> Indices:
        """The truths ``[rows]`` as indices of the subject's labels, which are matched by name."""
        return _targets(self.source, self.rows, subject)

    def are_test_split(self, subject: Subject) -> bool:
        """Whether these are exactly the images of the test split of the subject's training."""
        return _fingerprint(self.source, self.rows, subject, self.views[subject.input]) == subject.test_sha256


def read_images(subjects: Sequence[Subject], data_path: Path | None, cache: Path) -> Images:
    """Find the images to measure ``subjects`` on in the data at ``data_path``, and decode them once for each input.

    Without a path, it is the data of the first run that knows where its is, else that of the recipe. Data with a
    test split of its own gives that. A folder without gives what all those whose test split it is known to hold have
    held out, or all of its images if it is known of none. Large sets are kept in a file in the folder ``cache``. Raises
    InvalidData when there is nothing to measure on or a class that a subject does not know, NotComparable when the
    subjects have no such images in common.
    """
    known = [subject.data_path for subject in subjects if subject.data_path]
    source = open_source(subjects[0].data, data_path or (known[0] if known else None))
    for subject in subjects:
        _refuse_unknown(source, subject)
    own = [index for index, sample in enumerate(source.samples) if sample.split == "test"]
    wanted = own or list(range(len(source.samples)))
    views = _decode(source, wanted, dict.fromkeys(subject.input for subject in subjects), cache)
    splits = [_held_out(source, subject, views[subject.input], drawn=not own) for subject in subjects]
    readable = list(views.values())[-1].places  # each input was shown only what all before it could read
    if not readable:
        raise InvalidData(f"{source.name}: there are no images to evaluate on")
    rows = reduce(np.intersect1d, [split for split in splits if split is not None], np.array(list(readable), np.int64))
    if not len(rows):
        raise NotComparable(
            f"{source.name}: no image was held out by both trainings: train both with one seed, or give other data"
        )
    of_test = tuple(split is not None for split in splits)
    held_out = tuple(subject.spares_test if known else None for subject, known in zip(subjects, of_test, strict=True))
    return Images(source, rows, len(wanted) - len(readable), of_test, held_out, views)


def _decode(source: Source, rows: list[int], specs: Iterable[InputSpec], cache: Path) -> dict[InputSpec, View]:
    views = {}
    for number, spec in enumerate(specs):
        decoded = decode(source, rows, spec, cache / str(number))
        digests = {row: digest for row, digest in zip(rows, decoded.digests, strict=True) if digest is not None}
        views[spec] = View(decoded.pixels, {row: place for place, row in enumerate(rows) if row in digests}, digests)
        rows = list(digests)  # an image that one input cannot have is named once, and no input needs it
    return views


def _held_out(source: Source, subject: Subject, view: View, *, drawn: bool) -> Indices | None:
    """The samples that are certainly of the test split of a subject's training, None if these are other data.

    A split that training drew is drawn again; the whole folder may be one that somebody split before. It comes out
    otherwise where one image has come, gone or broken since: then those that a run knows by their pixels are taken, if
    most of its test split is there.
    """
    whole = np.array(list(view.digests), np.int64)
    for rows in (_drawn_again(source, subject, view), whole) if drawn else (whole,):
        if _fingerprint(source, rows, subject, view) == subject.test_sha256:
            return rows
    known = [row for row, digest in view.digests.items() if digest in subject.test_images]
    return np.array(known, np.int64) if 2 * len(known) > len(subject.test_images) else None


def _drawn_again(source: Source, subject: Subject, view: View) -> Indices:
    if subject.recipe is None:  # nothing was drawn
        return np.array([], np.int64)
    digests = [view.digests.get(index) for index in range(len(source.samples))]
    try:
        return make_splits(source.samples, digests, subject.recipe.data, subject.recipe.seed).test
    except InvalidData:  # too small a folder to be the one that training split
        return np.array([], np.int64)


def _fingerprint(source: Source, rows: Indices, subject: Subject, view: View) -> str:
    return fingerprint(_targets(source, rows, subject).tolist(), [view.digests[row] for row in rows.tolist()])


def _targets(source: Source, rows: Indices, subject: Subject) -> Indices:
    index_of = [subject.labels.index(label) for label in source.labels]
    return np.array([index_of[source.samples[row].label] for row in rows.tolist()], np.int64)


def _refuse_unknown(source: Source, subject: Subject) -> None:
    unknown = sorted(set(source.labels) - set(subject.labels))
    if unknown:
        raise InvalidData(f"{source.name} has classes that the model does not know: {', '.join(unknown)}")

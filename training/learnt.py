"""Which images a network has learnt from, those of earlier trainings among them whose weights it began with.

Whoever begins with the weights of a run on the same data, but draws other splits, tests on what was learnt from.
"""

from collections.abc import Sequence
from pathlib import Path

from models.manifest import InputSpec, Manifest, Origin, Sha256, Strict
from training.config import Recipe
from training.data.dataset import Dataset, decode
from training.progress import say
from training.run import Run, write_model


class Seen(Strict):
    """Images by the sha256 of their pixels, as ``input`` makes these."""

    input: InputSpec
    images: tuple[Sha256, ...]


class Learnt(Strict):
    """``learnt.json``: the training and validation images of a run and of all trainings that its weights come from.

    Those of some trainings may be missing unless they are ``complete``. ``spared`` is the fingerprint of a test split
    that none of them learnt from. By default nothing is known.
    """

    seen: tuple[Seen, ...] = ()
    complete: bool = False
    spared: str | None = None


NOTHING_KNOWN = Learnt()


def learnt_by_run(run: Run) -> Learnt:
    """What the weights of ``run`` have learnt from; an older run has no list, but knows its test split."""
    if run.learnt_file.exists():
        return run.load(Learnt, run.learnt_file)
    spared = spares_test(run.recipe().transfer.weights, None)
    return Learnt(spared=run.splits().fingerprints["test"] if spared else None)


def learnt_by_version(manifest: Manifest) -> Learnt:
    """What the weights of a version have learnt from: it has no list either; of an imported one nothing is known."""
    provenance = manifest.provenance
    if provenance is None:
        return NOTHING_KNOWN
    spared = spares_test(provenance.recipe.get("transfer", {}).get("weights"), provenance.origin)
    return Learnt(spared=provenance.data.get("sha256", {}).get("test") if spared else None)


def keep_learnt(recipe: Recipe, data: Dataset, run: Run, origin: Origin | None, before: Learnt) -> None:
    """Save what ``run`` learns from, after what the weights that it begins with learnt ``before``.

    ``origin`` is what these are, None for random ones; it goes into ``run.json`` with the number of test images that
    they are known to have learnt from, which is warned of.
    """
    count = 0 if origin is None else count_learnt(before, data, recipe.input, run.cache / "learnt")
    own = Seen(input=recipe.input, images=_digests(data, [*data.splits.train, *data.splits.validation]))
    seen = _merged([*before.seen, own])
    complete = origin is None or before.complete
    spared = data.record.fingerprints["test"] if count == 0 else None
    write_model(run.learnt_file, Learnt(seen=seen, complete=complete, spared=spared))
    if origin is not None:
        origin = origin.model_copy(update={"learnt_test_images": count})
        run.note(run.info().model_copy(update={"origin": origin}))
        _warn(recipe, origin)


def count_learnt(before: Learnt, data: Dataset, spec: InputSpec, cache: Path | None = None) -> int | None:
    """How many test images of ``data``, decoded for the input ``spec``, are in ``before``; None: that is not known.

    Near copies are not found. Where they must be decoded once more, large sets are kept in a file in ``cache``.
    """
    if before.spared == data.record.fingerprints["test"]:
        return 0
    rows, found = data.splits.test.tolist(), set()
    for seen in before.seen:
        # Each training knows the images as its own input made them.
        if seen.input == spec:
            digests = _digests(data, rows)
        else:
            digests = _hex(decode(data.source, rows, seen.input, cache).digests)
        known = frozenset(seen.images)
        found |= {row for row, digest in zip(rows, digests, strict=True) if digest in known}
    return len(found) if found or before.complete else None


def spares_test(weights: str | None, origin: Origin | None) -> bool | None:
    """Whether the ``weights`` that a training began with learnt from none of its test images; None: it is not known."""
    if weights is None:
        return True
    count = None if origin is None else origin.learnt_test_images
    return None if count is None else count == 0


def doubt(recipe: Recipe, origin: Origin | None) -> str | None:
    """What to mind of the test split for what a training began with; None where that spares it."""
    if spares_test(recipe.transfer.weights, origin):
        return None
    title = recipe.published().transfer.weights if origin is None else origin.title
    weights = f"the weights that the training began with, {title},"
    if origin is None or origin.learnt_test_images is None:
        return f"whether {weights} learnt from images of its test split is not known"
    return f"{weights} learnt from {origin.learnt_test_images:,} images of its test split, so that the figures flatter"


def _warn(recipe: Recipe, origin: Origin) -> None:
    told = doubt(recipe, origin)
    if told is None:
        return
    if origin.learnt_test_images:
        told = f"warning: {told}: begin with others, or draw the splits as they did, by the same seed and shares"
    say(told)


def _digests(data: Dataset, rows: Sequence[int]) -> tuple[str, ...]:
    return _hex([data.decoded.digests[row] for row in rows])


def _hex(digests: Sequence[bytes | None]) -> tuple[str, ...]:
    """Of what cannot be read, which no split has, an empty one."""
    return tuple("" if digest is None else digest.hex() for digest in digests)


def _merged(parts: Sequence[Seen]) -> tuple[Seen, ...]:
    images: dict[InputSpec, set[str]] = {}
    for part in parts:
        images.setdefault(part.input, set()).update(part.images)
    return tuple(Seen(input=spec, images=tuple(sorted(known))) for spec, known in images.items())

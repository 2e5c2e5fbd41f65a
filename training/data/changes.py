"""Whether data is what a run was trained on, as far as that can be seen without reading all of it."""

from collections.abc import Iterator

import numpy as np

from models.manifest import InputSpec
from training.data.dataset import decode
from training.data.samples import Source
from training.data.splits import SplitRecord, spread

# Other data of the same classes and names differs in nearly every image.
_LOOKED_AT = 16


def visible_changes(before: SplitRecord, source: Source, spec: InputSpec) -> Iterator[str]:
    """What of ``source`` is not as in ``before``, for people: classes, names of images, pixels of a few test images.

    ``spec`` is the input of the run. Nothing is said of unused images that are gone: copies, and what is unreadable.
    """
    if source.labels != before.labels:
        yield f"the classes were {', '.join(before.labels)} and are {', '.join(source.labels)}"
    rows = {sample.key: row for row, sample in enumerate(source.samples)}
    used = [key for keys in before.keys.values() for key in keys]
    gone = sum(key not in rows for key in used)
    new = len(rows) - (len(used) - gone) - len(before.unreadable) - sum(before.duplicates.values())
    if gone or new > 0:
        yield f"{gone:,} images are gone and {max(0, new):,} are new"
    test = zip(before.keys["test"], before.test_images, strict=False)  # a run of before kept none of these
    known = {rows[key]: digest for key, digest in test if key in rows}
    looked_at = spread(np.array(list(known), np.int64), _LOOKED_AT).tolist()
    digests = decode(source, looked_at, spec).digests
    if any(digest is None or digest.hex() != known[row] for row, digest in zip(looked_at, digests, strict=True)):
        yield "images of the test split have other pixels than before"

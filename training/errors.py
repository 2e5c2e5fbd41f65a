"""Every error that training raises, by name; all are WhatsitError, so that the command line says one line.

WhatsitError
└── TrainingError
    ├── TrainingNotInstalled   torch or what goes with it is missing
    ├── InvalidRecipe          a key is unknown, a value is not what it must be
    ├── DataError
    │   ├── InvalidData        no images, too few classes, an empty class, a file that is not what its name says
    │   └── DownloadFailed     no network, or a file that is not the one its checksum promises
    ├── RunError
    │   ├── RunExists          the folder holds a run already
    │   └── RunUnusable        there is no run, it is not finished, or it was made by another recipe
    ├── NotComparable          two models know other classes, or nothing was held out by both
    ├── Diverged               the loss is no number any more
    └── ExportMismatch         the exported graph does not compute what the network computes
"""

from models.errors import WhatsitError


class TrainingError(WhatsitError):
    """The root of what can go wrong in training."""


class TrainingNotInstalled(TrainingError):
    """Torch or what goes with it is missing."""


class InvalidRecipe(TrainingError):
    """A recipe that is not there, or says what no recipe can say."""


class DataError(TrainingError):
    """The data cannot be used."""


class InvalidData(DataError):
    """No images, too few classes, an empty class, or a broken file."""


class DownloadFailed(DataError):
    """A data set could not be fetched, or what came is not it."""


class RunError(TrainingError):
    """A folder is not the run that was hoped for."""


class RunExists(RunError):
    """The folder holds a run already."""


class RunUnusable(RunError):
    """There is no run, it is not finished, or it was made by another recipe."""


class NotComparable(TrainingError):
    """Two models know other classes, read data in other ways, or held out nothing in common."""


class Diverged(TrainingError):
    """The loss is no number any more."""


class ExportMismatch(TrainingError):
    """The exported graph does not compute what the network computes."""

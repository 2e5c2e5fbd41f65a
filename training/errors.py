"""Every error that training raises, by name; all are WhatsitError, so that the command line says one line.

WhatsitError
└── TrainingError
    ├── TrainingNotInstalled   torch or what goes with it is missing
    ├── InvalidRecipe          a key is unknown, a value is not what it must be
    ├── DataError
    │   └── InvalidData        no images, too few classes, an empty class, a file that is not what its name says
    ├── DownloadFailed         no network, or a file that is not the one its checksum promises
    ├── WeightsUnusable        what training is to start from is not there, not readable, or of another network
    ├── RunError
    │   ├── RunExists          the folder holds a run already
    │   ├── RunBusy            another process is training in the folder
    │   └── RunUnusable        there is no run, it is not finished, or it was made by another recipe
    ├── NotComparable          two models know other classes, or nothing was held out by both
    ├── TrackingUnavailable    what epochs are to be logged with is not installed, or does not answer
    ├── Diverged               the loss is no number any more
    ├── ExportMismatch         the exported graph does not compute what the network computes
    └── VariantFailed          a graph of lower precision cannot be made, or is not good enough to be published
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


class DownloadFailed(TrainingError):
    """A file could not be fetched, or what came is not it."""


class WeightsUnusable(TrainingError):
    """What training is to start from is not there, not readable, or of another network."""


class RunError(TrainingError):
    """A folder is not the run that was hoped for."""


class RunExists(RunError):
    """The folder holds a run already."""


class RunBusy(RunError):
    """Another process is training in the folder."""


class RunUnusable(RunError):
    """There is no run, it is not finished, or it was made by another recipe."""


class NotComparable(TrainingError):
    """Two models know other classes, read data in other ways, or held out nothing in common."""


class TrackingUnavailable(TrainingError):
    """What epochs are to be logged with is not installed, not set up, or does not answer."""


class Diverged(TrainingError):
    """The loss is no number any more."""


class ExportMismatch(TrainingError):
    """The exported graph does not compute what the network computes."""


class VariantFailed(TrainingError):
    """A graph of lower precision cannot be made, or is not good enough to be published."""

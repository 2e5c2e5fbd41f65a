"""Every error that this room raises, by name. The bottom file: it imports nothing of ours.

WhatsitError
├── ImageError                 the bytes of one image cannot be used
│   ├── UnsupportedFormat      not JPEG, PNG, WebP, GIF or BMP by its first bytes
│   ├── ImageTooLarge          too many bytes, pixels, scans, or too long a side
│   └── UndecodableImage       the format is accepted, the content is broken
├── RegistryError              a name, version or alias is not what was hoped
│   ├── StoreUnavailable       the store cannot be read
│   │   └── StoreMissing       there is none
│   ├── InvalidLocation        neither a folder nor a URL that a store can be at
│   ├── InvalidRef             not a name, name@version or name@alias
│   ├── NotFound
│   │   ├── ModelNotFound
│   │   ├── VersionNotFound
│   │   ├── AliasNotFound
│   │   └── DocumentNotFound
│   ├── Conflict               somebody else changed it first, or it exists already
│   ├── PromotionRefused       the version is not what clients of the alias rely on, or not good enough
│   ├── ReasonMissing          the gate was to be overruled without a reason
│   └── InvalidPolicy          the table of promotion in the settings makes no sense
├── BundleError                a version that must not be published or served
│   ├── InvalidManifest
│   ├── InvalidArchive         a file is no bundle that was packed
│   ├── ChecksumMismatch       a file is missing, added or changed
│   ├── UnsafeGraph            external data, foreign operators, or too large a file
│   ├── SignatureMismatch      not pixels in, probabilities out
│   ├── GoldenMismatch         the golden images do not come back
│   ├── SignatureMissing       nobody signed the version, where that is asked for
│   ├── SignatureInvalid       it was signed by nobody who is trusted, or changed since
│   └── PrecisionMissing       the version has no graph of the precision asked for
├── ImportRefused              an ONNX file that is not the classifier it is said to be, or cannot be made a version
├── KeyUnusable                a file that holds no key to sign with, or to trust
├── GoldenUnusable             a folder that is to hold golden images, and does not
└── DeviceUnavailable          the execution provider asked for is not the one that runs

The text of an error is for people: it says what is wrong and, where there is a way out, what to do.
"""


class WhatsitError(Exception):
    """The root of the errors that a caller is meant to catch."""


class ImageError(WhatsitError):
    """The bytes of one image cannot be used."""


class UnsupportedFormat(ImageError):
    """The first bytes are of no accepted format."""


class ImageTooLarge(ImageError):
    """More bytes, pixels or scans than the limit, or a side outside it."""


class UndecodableImage(ImageError):
    """An accepted format with broken or truncated content."""


class RegistryError(WhatsitError):
    """A name, version or alias is not what was hoped."""


class InvalidRef(RegistryError):
    """Not a name, ``name@version`` or ``name@alias``."""


class StoreUnavailable(RegistryError):
    """The store cannot be read."""


class StoreMissing(StoreUnavailable):
    """There is no store where one was to be."""


class InvalidLocation(RegistryError):
    """Neither a folder nor a URL that a store can be at."""


class NotFound(RegistryError):
    """The store does not hold what was asked for."""


class ModelNotFound(NotFound):
    """No model of this name."""


class VersionNotFound(NotFound):
    """The model has no such version."""


class AliasNotFound(NotFound):
    """The model has no such alias."""


class DocumentNotFound(NotFound):
    """The version was published without this document."""


class Conflict(RegistryError):
    """Somebody else changed it first, or it exists already."""


class PromotionRefused(RegistryError):
    """The version is not what clients rely on, or not good enough: then with the ``checks`` of the gate."""

    def __init__(self, message: str, checks: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.checks = checks


class ReasonMissing(RegistryError):
    """The gate was to be overruled without a reason."""


class InvalidPolicy(RegistryError):
    """The table of promotion in the settings makes no sense."""


class BundleError(WhatsitError):
    """A version that must not be published or served."""


class InvalidManifest(BundleError):
    """``manifest.json`` is missing, unreadable or contradicts itself."""


class InvalidArchive(BundleError):
    """A file is not one that a bundle was packed into."""


class ChecksumMismatch(BundleError):
    """A file of the bundle is missing, added or changed."""


class UnsafeGraph(BundleError):
    """The graph reaches outside its file, uses foreign operators, or is too large."""


class SignatureMismatch(BundleError):
    """The graph does not take ``pixels`` and give ``probabilities`` as the manifest says."""


class GoldenMismatch(BundleError):
    """The golden images do not come back with the recorded probabilities."""


class SignatureMissing(BundleError):
    """Nobody signed the version, where that is asked for."""


class SignatureInvalid(BundleError):
    """The version was signed by nobody who is trusted, or its manifest was changed since."""


class PrecisionMissing(BundleError):
    """The version has no graph of the precision that was asked for."""


class ImportRefused(WhatsitError):
    """An ONNX file that is not the classifier that it is said to be, or cannot be made a version."""


class KeyUnusable(WhatsitError):
    """A file that holds no key to sign with, or to trust."""


class GoldenUnusable(WhatsitError):
    """A folder that is to hold golden images, and does not."""


class DeviceUnavailable(WhatsitError):
    """The execution provider that was asked for is not the one that would run."""

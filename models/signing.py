"""Signing a version that was published."""

from models.layout import MANIFEST
from models.opening import prove_version
from models.store import Store
from models.trust import Signer


def sign_version(store: Store, name: str, version: int, signer: Signer, *, who: str, why: str) -> None:
    """Prove a version, and keep its signature beside the manifest; one that it had is replaced.

    Raises NotFound, or a BundleError for a version that is not to be vouched for.
    """
    prove_version(store, name, version)
    manifest = (store.bundle(name, version) / MANIFEST).read_bytes()
    store.place.sign(name, version, signer.sign(manifest), who=who, why=why)

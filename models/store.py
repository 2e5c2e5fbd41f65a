"""A store: a folder that holds models, their versions and aliases. Finding only; see opening for proving."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import PositiveInt, TypeAdapter, ValidationError

from models.audit import Entry, append, locked
from models.errors import (
    AliasNotFound,
    Conflict,
    InvalidManifest,
    ModelNotFound,
    StoreUnavailable,
    VersionNotFound,
)
from models.layout import ALIASES, MANIFEST, UNFINISHED, bundle_dir, model_dir
from models.manifest import Manifest, parse_manifest
from models.refs import PRODUCTION, Ref, is_name, is_version

_ALIASES: TypeAdapter[dict[str, int]] = TypeAdapter(dict[str, PositiveInt])


def default_root() -> Path:
    """The store that is shipped with the project: ``models/store``."""
    return Path(__file__).parent / "store"


def is_replaceable(root: Path) -> bool:
    """Whether ``root`` is the store of an installed copy, which the next installation replaces, and of no checkout."""
    checkout = Path(__file__).parents[1] / "pyproject.toml"
    return root.resolve() == default_root().resolve() and not checkout.exists()


@dataclass(frozen=True, slots=True)
class Resolved:
    """The version that a ref means now; ``alias`` is the one that it went through, if any."""

    name: str
    version: int
    alias: str | None


class Store:
    """The models under ``root``, read from the disk at every call, so that a change is seen at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """All models that have a version, sorted; raises StoreUnavailable."""
        found = [folder.name for folder in _folders(self.root) if is_name(folder.name)]
        return sorted(name for name in found if self._versions(name))

    def versions(self, name: str) -> list[int]:
        """The versions of a model in rising order; raises ModelNotFound."""
        versions = self._versions(name)
        if not versions:
            known = ", ".join(self.names()) or "none"
            raise ModelNotFound(f"there is no model {name!r}; the store has: {known}")
        return versions

    def aliases(self, name: str) -> dict[str, int]:
        """The aliases of a model and the versions they name."""
        try:
            return _ALIASES.validate_json((model_dir(self.root, name) / ALIASES).read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            raise InvalidManifest(f"{name}/{ALIASES} is not a table of aliases and versions") from error

    def resolve(self, ref: Ref) -> Resolved:
        """Find the version of ``ref``; a name alone is its alias ``production``, else its newest version.

        Raises ModelNotFound, VersionNotFound or AliasNotFound.
        """
        versions = self.versions(ref.name)
        if ref.version is not None:
            return Resolved(ref.name, self._existing(ref.name, ref.version, versions), None)
        aliases = self.aliases(ref.name)
        alias = ref.alias or PRODUCTION
        if alias in aliases:
            return Resolved(ref.name, self._existing(ref.name, aliases[alias], versions), alias)
        if ref.alias is not None:
            known = ", ".join(sorted(aliases)) or "none"
            raise AliasNotFound(f"model {ref.name!r} has no alias {ref.alias!r}; it has: {known}")
        return Resolved(ref.name, versions[-1], None)

    def bundle(self, name: str, version: int) -> Path:
        """The folder of a version; raises ModelNotFound or VersionNotFound."""
        self._existing(name, version, self.versions(name))
        return bundle_dir(self.root, name, version)

    def manifest(self, name: str, version: int) -> Manifest:
        """The manifest of a version; raises NotFound or InvalidManifest."""
        return read_manifest(self.bundle(name, version))

    def remove(self, name: str, version: int, *, who: str, why: str) -> None:
        """Delete a version that no alias names; raises Conflict when one does, NotFound when it is not there."""
        folder = model_dir(self.root, name)
        self.versions(name)
        with locked(folder):
            bundle = self.bundle(name, version)
            holding = sorted(alias for alias, target in self.aliases(name).items() if target == version)
            if holding:
                raise Conflict(f"{name}@{version} is what {', '.join(holding)} names; move the alias first")
            append(folder, Entry(action="remove", before=version, who=who, why=why))
            # Out of sight in one step, so that nobody ever sees half a version.
            shutil.rmtree(bundle.rename(bundle.with_name(f"{UNFINISHED}{version}")))

    def _existing(self, name: str, version: int, versions: list[int]) -> int:
        if version not in versions:
            raise VersionNotFound(f"model {name!r} has no version {version}; it has: {', '.join(map(str, versions))}")
        return version

    def _versions(self, name: str) -> list[int]:
        folder = model_dir(self.root, name)
        if not folder.is_dir():
            return []
        return sorted(int(entry.name) for entry in _folders(folder) if is_version(entry.name))


def _folders(path: Path) -> list[Path]:
    try:
        return [entry for entry in path.iterdir() if entry.is_dir()]
    except OSError as error:
        raise StoreUnavailable(f"{path} is no store that can be read: {error.strerror}") from error


def read_manifest(bundle: Path) -> Manifest:
    """The manifest in a bundle's folder; raises InvalidManifest."""
    try:
        return parse_manifest((bundle / MANIFEST).read_bytes())
    except OSError as error:
        raise InvalidManifest(f"{bundle.parent.name}@{bundle.name} has no readable {MANIFEST}") from error


def write_json(path: Path, content: object) -> None:
    """Write indented JSON with a final newline."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

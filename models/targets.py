"""Targets: what an alias names, and what stands of one model at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, PositiveInt, TypeAdapter

from models.errors import AliasNotFound, InvalidManifest, VersionNotFound
from models.refs import PRODUCTION, Ref

# As aliases.json and answers write one: a version, or two versions and their weights, of which the first is the
# incumbent and the second the canary.
Written = PositiveInt | Annotated[dict[PositiveInt, PositiveInt], Field(min_length=2, max_length=2)]
WrittenTargets: TypeAdapter[dict[str, Written]] = TypeAdapter(dict[str, Written])


@dataclass(frozen=True, slots=True)
class Target:
    """The version that an alias names; with a ``canary`` the two share its requests by their ``weights``."""

    version: int
    canary: int | None = None
    weights: tuple[int, int] = (1, 0)

    @property
    def versions(self) -> tuple[int, ...]:
        """All that it names, the incumbent first."""
        return (self.version,) if self.canary is None else (self.version, self.canary)

    @property
    def written(self) -> int | dict[int, int]:
        """As aliases.json writes it."""
        if self.canary is None:
            return self.version
        return dict(zip(self.versions, self.weights, strict=True))

    def __str__(self) -> str:
        if self.canary is None:
            return f"version {self.version}"
        share = self.weights[1] / sum(self.weights)
        return f"version {self.version}, with {share:.3g} of the requests at version {self.canary}"


def read_target(written: int | Mapping[int, int]) -> Target:
    """The target that is written so."""
    if isinstance(written, int):
        return Target(written)
    (version, weight), (canary, canary_weight) = written.items()
    return Target(version, canary, (weight, canary_weight))


@dataclass(frozen=True, slots=True)
class Found:
    """What a ref means: the target of ``alias``, or of none when it names a version or the newest one."""

    target: Target
    alias: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """The ``versions`` of one model in rising order, at least one, and the ``targets`` of its aliases.

    ``problem`` is what is wrong with the table of aliases, where it cannot be read; versions can be asked for all the
    same.
    """

    name: str
    versions: tuple[int, ...]
    aliases: Mapping[str, Target]
    problem: str | None = None

    @property
    def targets(self) -> Mapping[str, Target]:
        """What the aliases name; raises InvalidManifest where that cannot be read."""
        if self.problem is not None:
            raise InvalidManifest(self.problem)
        return self.aliases

    def find(self, ref: Ref) -> Found:
        """What ``ref`` means; a name alone is its alias ``production``, else its newest version.

        Raises VersionNotFound, AliasNotFound or InvalidManifest.
        """
        if ref.version is not None:
            return Found(Target(self.existing(ref.version)), None)
        alias = ref.alias or PRODUCTION
        if alias in self.targets:
            target = self.targets[alias]
            self.existing(target.version)
            return Found(target, alias)
        if ref.alias is not None:
            known = ", ".join(sorted(self.targets)) or "none"
            raise AliasNotFound(f"model {self.name!r} has no alias {ref.alias!r}; it has: {known}")
        return Found(Target(self.versions[-1]), None)

    def existing(self, version: int) -> int:
        """``version``, if there is such a one; raises VersionNotFound."""
        if version not in self.versions:
            known = ", ".join(map(str, self.versions))
            raise VersionNotFound(f"model {self.name!r} has no version {version}; it has: {known}")
        return version

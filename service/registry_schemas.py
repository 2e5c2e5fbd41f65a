"""The answers about the registry, as OpenAPI describes them."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from models.manifest import Manifest, Precision
from models.policy import Check
from service.inference.engines import State


class Running(BaseModel):
    """What of a version runs in this process: the graph of which precision, on which device."""

    precision: Precision
    device: Literal["cpu", "cuda"]


class VersionOut(BaseModel):
    """One version in a list; ``state`` is what this process makes of it, ``reason`` why it refused it.

    ``running`` is null while the version is not open here, ``accuracy`` for a version that was not evaluated. The other
    members are null when the manifest cannot be read.
    """

    version: int
    state: State
    reason: str | None
    running: Running | None = None
    created_at: datetime | None = None
    classes: int | None = None
    accuracy: float | None = None


class VersionDetail(VersionOut):
    """One version with all that its manifest says."""

    aliases: list[str]
    manifest: Manifest


_TargetOut = Annotated[
    int | dict[int, int],
    Field(description="A version, or the weights of two: the incumbent's, and that of the canary beside it."),
]


class ModelOut(BaseModel):
    """One model with its aliases and versions; `answered_by` is what this process answers each alias by, once asked.

    It differs from `aliases` while a version is being opened, or when one was refused.
    """

    name: str
    default: bool
    aliases: dict[str, _TargetOut]
    answered_by: dict[str, _TargetOut]
    versions: list[VersionOut]


class ModelsOut(BaseModel):
    """All models of the store."""

    models: list[ModelOut]


class AliasChange(BaseModel):
    """What an alias is to name: a `version`, or a `canary` that answers a `percent` of its requests."""

    model_config = ConfigDict(extra="forbid")

    version: int | None = Field(None, ge=1)
    canary: int | None = Field(None, ge=1, description="The version to try beside the one that it names.")
    percent: int | None = Field(None, ge=1, le=99, description="The share of the requests that the canary answers.")
    expect: int | Literal["any"] | None = Field(
        "any", description="What it must name now, else 409: a version, null for nothing yet, or any."
    )
    why: str = Field("", max_length=1000, description="For the audit log.")
    new_labels: bool = Field(default=False, description="Move it even if the labels or their order change.")
    force: bool = Field(default=False, description="Move it even if the gate refuses; takes a reason in `why`.")


class CheckOut(BaseModel):
    """One number of the gate; `incumbent` is null where there is none to compare with."""

    what: str
    candidate: float
    incumbent: float | None
    least: float
    passed: bool

    @classmethod
    def of(cls, check: Check) -> Self:
        """As it is told."""
        return cls(
            what=check.what,
            candidate=check.candidate,
            incumbent=check.incumbent,
            least=check.least,
            passed=check.passed,
        )


class AliasOut(BaseModel):
    """What an alias names now, and named `before`; `checks` are those that the candidate went through."""

    alias: str
    target: _TargetOut
    before: int | None
    checks: list[CheckOut]
    note: str = ""


class RollbackIn(BaseModel):
    """Which alias goes back, `production` where it is left out."""

    model_config = ConfigDict(extra="forbid")

    alias: str | None = None
    expect: int | Literal["any"] | None = "any"
    why: str = Field("", max_length=1000)


class RollbackOut(BaseModel):
    """The version that an alias left, and the one that it names now."""

    alias: str
    left: int
    version: int


class RemovedAliasOut(BaseModel):
    """The alias that is no more, and the version that it named."""

    alias: str
    before: int


class RemovedOut(BaseModel):
    """The version that is no more."""

    removed: int


class ChangeOut(BaseModel):
    """One line of the audit log."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    action: str
    alias: str | None
    before: int | None
    after: int | None
    weights: dict[int, int] | None
    forced: bool | None
    who: str
    why: str


class DisagreementOut(BaseModel):
    """How many images the serving version gave one label and the challenger another."""

    label: str
    challenger_label: str
    images: int


class ExampleOut(BaseModel):
    """One image that was kept; its bytes are at `shadow/examples/{id}`."""

    id: str
    label: str
    challenger_label: str
    bytes: int


class ShadowOut(BaseModel):
    """What a challenger said of live images that another version answered, since the service started.

    `skipped` images found no time when nobody waited, `failed` ones no answer. `decisions` are those that differed.
    """

    version: int
    challenger: int
    agreed: int
    disagreed: int
    skipped: int
    failed: int
    disagreements: list[DisagreementOut]
    decisions: dict[str, int]
    examples: list[ExampleOut]

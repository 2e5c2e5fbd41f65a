"""Every setting of the service: a name, a default and a sentence.

Read from the command line, then from the environment (``WHATSIT_PORT=9000``), then from ``whatsit.toml``.
docs/settings.md lists them all; a test compares.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from typing_extensions import override

from models.bucket.cache import DEFAULT_BYTES
from models.decode import Limits
from models.errors import InvalidLocation
from models.locations import Location, default_root, parse_location
from models.policy import Policy
from models.precision import Asked
from models.runtime import Device
from service.archives.limits import ArchiveLimits

LogLevel = Literal["debug", "info", "warning", "error"]


def _workers(value: object) -> object:
    if value != "auto" and not (
        str(value).isascii() and str(value).isdigit() and 1 <= int(str(value)) <= _MOST_WORKERS
    ):
        raise ValueError(f"a number from 1 to {_MOST_WORKERS}, or auto")
    return value


def _location(value: object) -> object:
    try:
        return parse_location(value) if isinstance(value, str | Path) else value
    except InvalidLocation as error:
        raise ValueError(str(error)) from error


_MOST_WORKERS = 256
Workers = Annotated[int | Literal["auto"], BeforeValidator(_workers)]


class Settings(BaseSettings):
    """Frozen; an unknown name in ``whatsit.toml`` is an error."""

    model_config = SettingsConfigDict(
        env_prefix="WHATSIT_", toml_file="whatsit.toml", extra="forbid", frozen=True, validate_default=True
    )

    host: str = Field(
        "127.0.0.1", min_length=1, description="The address to listen on; one that others can reach needs keys."
    )
    port: int = Field(8000, ge=0, le=65535, description="The port to listen on; 0 takes any free one.")
    store: Annotated[Location, BeforeValidator(_location)] = Field(
        default_factory=default_root,
        description="The folder of models and versions, or a URL such as s3://bucket/models; see docs/stores.md.",
    )
    require_signature: Path | None = Field(
        None,
        description="A PEM file of public keys; a version that none of them signed is never opened. See "
        "docs/signing.md.",
    )
    keys: Path = Field(
        Path("keys.json"), description="The file of API keys; where there is one, requests need a key (docs/keys.md)."
    )
    default_model: str | None = Field(
        None,
        description="The ref that /v1/predict uses; when not set, cifar10 if the store has it, else its only model.",
    )
    store_poll_s: float = Field(1, gt=0, le=3600, description="Seconds between two looks at what aliases name.")
    store_cache: Path | None = Field(
        None, description="A folder for what comes from a bucket; when not set, stores in the user's cache."
    )
    store_cache_bytes: int = Field(
        DEFAULT_BYTES, ge=0, description="The most bytes of versions that are kept there; 0 is no limit."
    )
    spare_versions: int = Field(
        2, ge=0, le=1000, description="Versions that stay open though no alias names them, the last ones asked for."
    )
    engines_bytes: int = Field(
        0,
        ge=0,
        description="About the most memory of open versions; those that no alias names go first. 0 is no limit.",
    )
    promotion: Policy = Field(
        default_factory=Policy, description="What a version must reach before an alias names it; see docs/rollout.md."
    )
    sticky_header: str = Field(
        "x-client-id", description="The header by which a client meets the same one of two versions; else by its key."
    )
    canary_images: int = Field(100, ge=1, description="Images of each version before a canary is judged by its speed.")
    canary_failures: float = Field(
        0.05, ge=0, le=1, description="A canary ends when it fails on more images than the incumbent by this share."
    )
    canary_slowness: float = Field(
        2, gt=1, description="A canary ends when its 95th percentile is this many times that of the incumbent."
    )
    shadow_share: float = Field(
        0.1, ge=0, le=1, description="The share of images that the version named shadow is asked about as well."
    )
    shadow_examples: Path | None = Field(
        None, description="A folder for images on which the version named shadow disagreed; none are kept without it."
    )
    shadow_examples_bytes: int = Field(100_000_000, ge=0, description="The most bytes of such images.")
    workers: Workers = Field(
        "auto", description="Processes that share the port: a number, or auto for what the default model is worth."
    )
    engine: Literal["auto", "own", "shared"] = Field(
        "auto",
        description="Whether each worker runs graphs itself (own) or one process does for all (shared); auto is shared "
        "for several workers on CUDA.",
    )
    engine_bytes: int = Field(
        268_435_456, ge=1_048_576, description="The most memory of images on their way from workers to a shared engine."
    )
    device: Device = Field("auto", description="Where graphs run: cuda, cpu, or auto for cuda where it is there.")
    precision: Asked = Field(
        "auto",
        description="Which graph of a version runs: fp32, fp16, int8, or auto for the one that pays on the device.",
    )
    threads: int = Field(
        0,
        ge=0,
        le=256,
        description="Threads of one run of a graph; 0 is one, and one a core when nothing else is to be done.",
    )
    lanes: int = Field(0, ge=0, le=256, description="Runs of a graph at a time; 0 is one a core on a CPU, one on CUDA.")
    decode_threads: int = Field(0, ge=0, le=256, description="Threads that decode images; 0 is one a core.")
    max_batch: int = Field(
        0, ge=0, le=1024, description="The most images in one run of a graph; 0 measures what pays when it is opened."
    )
    max_wait_ms: float = Field(
        0, ge=0, le=1000, description="How long a free device waits for a batch to fill; keep it below one run."
    )
    queue_capacity: int = Field(
        1024, ge=1, le=1_000_000, description="The most images inside the service at a time; more are answered 429."
    )
    cache_bytes: int = Field(
        0, ge=0, description="The most memory for answers to images that are sent again; 0 remembers none."
    )
    max_images: int = Field(64, ge=1, le=4096, description="The most images in one request.")
    max_image_bytes: int = Field(10_000_000, ge=1, description="The most bytes of one image.")
    max_image_pixels: int = Field(
        50_000_000, ge=1, le=178_000_000, description="The most pixels of one image, by its header."
    )
    max_image_side: int = Field(16_384, ge=1, le=65_535, description="The longest side of an image in pixels.")
    max_jpeg_scans: int = Field(100, ge=1, description="The most scans of a progressive JPEG.")
    max_image_parts: int = Field(10_000, ge=1, description="The most chunks of a PNG, or segments of a JPEG's header.")
    max_png_compressed: int = Field(100, ge=1, description="The most compressed texts and profiles of a PNG.")
    max_decoding_bytes: int = Field(
        1_000_000_000, ge=1, description="The most memory of all images that are decoded at once, by their headers."
    )
    max_batch_bytes: int = Field(200_000_000, ge=1, description="The most bytes of the body of a batch.")
    max_archive_entries: int = Field(10_000, ge=1, description="The most entries of an archive.")
    max_archive_inflated: int = Field(
        1_000_000_000, ge=1, description="The most bytes that an archive unpacks to, counted while it is read."
    )
    max_archive_ratio: int = Field(
        100, ge=1, description="How many times its size an archive, or an entry of one, may unpack to."
    )
    jobs_dir: Path = Field(
        Path("jobs"), description="The folder of jobs, made when the first is accepted; see docs/jobs.md."
    )
    database_url: SecretStr | None = Field(
        None,
        description="A PostgreSQL URL, for jobs that several replicas share; when not set, SQLite in jobs_dir.",
    )
    jobs_input: str | None = Field(
        None, description="A folder, or a URL such as s3://bucket/images, whose images jobs may name by keys."
    )
    jobs_keep_h: float = Field(24, gt=0, description="Hours for which the results of a job are kept.")
    jobs_lease_s: float = Field(
        10, gt=0, description="Seconds after which another process takes over what one that died worked on for jobs."
    )
    max_active_jobs: int = Field(4, ge=1, description="The most unfinished jobs of one key; more are answered 429.")
    max_job_bytes: int = Field(200_000_000, ge=1, description="The most bytes of the body of a job.")
    max_job_keys: int = Field(100_000, ge=1, description="The most images of the input store in one job.")
    job_body_timeout_s: float = Field(600, gt=0, description="Seconds for the body of a job to arrive.")
    max_bodies_bytes: int = Field(
        1_000_000_000,
        ge=1,
        description="The most bytes of all bodies in memory, as they were sent; more are answered 429.",
    )
    max_header_bytes: int = Field(16_384, ge=256, description="The most bytes of a request's line and headers.")
    max_json_depth: int = Field(32, ge=2, le=100, description="How deep JSON may nest.")
    header_timeout_s: float = Field(5, gt=0, description="Seconds for the headers of a request to arrive.")
    body_timeout_s: float = Field(20, gt=0, description="Seconds for the body of a request to arrive.")
    request_timeout_s: float = Field(10, gt=0, description="Seconds from the whole body to the answer, else 504.")
    run_timeout_s: float = Field(
        10, gt=0, description="Seconds after which a run of a graph counts as hanging, and its engine is replaced."
    )
    worker_timeout_s: float = Field(
        10,
        ge=1,
        description="Seconds after which a worker is replaced whose event loop, or one of whose decodes, stands still.",
    )
    keep_alive_s: int = Field(5, ge=0, description="Seconds that an idle connection is kept open.")
    shutdown_grace_s: int = Field(20, ge=0, description="Seconds that requests have to finish after SIGTERM.")
    log_level: LogLevel = Field("info", description="The least severe lines to log.")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the address to listen on."""
        return self.host in {"127.0.0.1", "::1", "localhost"}

    @field_validator("sticky_header")
    @classmethod
    def _as_headers_come(cls, header: str) -> str:
        return header.lower()

    @property
    def limits(self) -> Limits:
        """What one image may cost, as the decoder takes it."""
        return Limits(
            max_bytes=self.max_image_bytes,
            max_pixels=self.max_image_pixels,
            max_side=self.max_image_side,
            max_jpeg_scans=self.max_jpeg_scans,
            max_parts=self.max_image_parts,
            max_png_compressed=self.max_png_compressed,
        )

    @property
    def archive_limits(self) -> ArchiveLimits:
        """What an archive may cost."""
        return ArchiveLimits(
            entries=self.max_archive_entries,
            inflated=self.max_archive_inflated,
            image=self.max_image_bytes,
            ratio=self.max_archive_ratio,
        )

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags first, then the environment, then the file."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))

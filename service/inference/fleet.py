"""The fleet: what answers each ref, now and after an alias has moved."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from models.aliases import rollback
from models.errors import BundleError, RegistryError, StoreUnavailable, WhatsitError
from models.refs import Ref, parse_ref
from models.store import Resolved, Store
from models.targets import Found, Target
from service.errors import NotReady, Unloaded
from service.inference.canary import Trial, choose
from service.inference.catalogue import Catalogue
from service.inference.engine import Engine
from service.inference.engines import Engines, Key, State
from service.inference.lease import Lease, Role
from service.inference.opening import Opener
from service.inference.retention import to_close
from service.settings import Settings

log = logging.getLogger(__name__)

_HANGING_LOOKED_FOR_EVERY_S = 0.5
_WHO = "whatsit serve"  # in the audit log


class Swap(NamedTuple):
    """An alias was to be answered by another version: ``done``, ``refused``, or ``returned`` from a canary."""

    model: str
    alias: str
    outcome: str


class Fleet:
    """Has the versions of ``store`` opened by ``opener``, and hands out their engines.

    Set ``told`` to be told of swaps. Call ``follow`` and ``watch`` for as long as the service runs.
    """

    def __init__(
        self, store: Store, settings: Settings, opener: Opener, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.store = store
        self.told: Callable[[Swap], None] = lambda _: None
        self.store_away = False
        self._settings = settings
        self._catalogue = Catalogue(store, clock)
        self._engines = Engines(opener, settings.run_timeout_s, clock)
        self._default: Ref | None = None
        self._swapping: dict[Ref, asyncio.Task[None]] = {}
        self._trials: dict[tuple[str, Target], Trial] = {}
        self._ended: set[tuple[str, Target]] = set()  # canaries that were ended here, whatever the store says

    @property
    def default(self) -> Ref:
        """The ref of the default model; raises NotReady when the store does not show which."""
        if self._default is None:
            self._default = default_ref(self.store, self._settings.default_model)
        return self._default

    def find(self, ref: Ref) -> Found:
        """What answers ``ref`` now; raises NotFound."""
        return self._catalogue.find(ref)

    async def lease(self, ref: Ref, client: Callable[[str], str] | None = None) -> Lease:
        """Hand out the engine that answers ``ref``, opening it when need be, for the length of a ``with``.

        ``client`` tells who asks, given the name of a header; asked only where two versions share the requests. Raises
        NotFound, or the BundleError or DeviceUnavailable that stopped the version from being opened.
        """
        found = self.find(ref)
        target = found.target
        if target.canary is None:
            return await self._lease(ref.name, target.version, found, None)
        trial = self._trials.setdefault((ref.name, target), Trial())
        who = client(self._settings.sticky_header) if client else ""
        version = choose(target, f"{ref.name}@{found.alias}", who)
        patience = 0.9 * self._settings.request_timeout_s
        try:
            return await self._lease(ref.name, version, found, Role(trial, version == target.canary, patience))
        except (BundleError, Unloaded):
            if version == target.version:
                raise
            trial.note(None, canary=True)
            return await self._lease(ref.name, target.version, found, Role(trial, canary=False, patience=patience))

    async def ready(self) -> bool:
        """Whether the default model has answered its golden images and still would; does not wait for its opening."""
        try:
            found = self.find(self.default)
            berth = self._engines.berth(Key(self.default.name, found.target.version))
            return berth.task.done() and await (await berth.task).healthy()
        except WhatsitError:
            return False

    def state(self, name: str, version: int) -> tuple[State, str | None]:
        """What this process makes of a version, and why it refused it."""
        return self._engines.state(Key(name, version))

    def versions(self, name: str) -> tuple[int, ...]:
        """The versions of a model as they stood when the store was last looked at."""
        listing = self._catalogue.listings.get(name)
        return listing.versions if listing else ()

    def withhold(self, name: str, version: int, why: WhatsitError) -> None:
        """Have a version answer no new request, which is told ``why``, until it is allowed again."""
        self._engines.withhold(Key(name, version), why)

    def allow(self, name: str, version: int) -> None:
        """Let a version be opened though it was withheld, or refused a moment ago."""
        self._engines.allow(Key(name, version))

    def engines(self) -> list[Engine]:
        """The engines that are open now; asked for from any thread."""
        return [berth.engine for berth in self._engines.open() if berth.engine]

    def engine(self, name: str, version: int) -> Engine | None:
        """The engine of a version, if it is open now."""
        return self._engines.engine(Key(name, version))

    async def watch(self) -> None:
        """Replace engines that hang, for as long as the service runs."""
        while True:
            await asyncio.sleep(_HANGING_LOOKED_FOR_EVERY_S)
            self._engines.replace_hanging()

    async def follow(self) -> None:
        """Follow the store, for as long as the service runs."""
        while True:
            await asyncio.sleep(self._settings.store_poll_s)
            try:
                await self.look()
            except Exception:  # whatever it is, the next look may go well; until then all is served as it was
                log.exception("unexpected error")

    async def look(self) -> None:
        """See what the store holds now, begin to move what has moved, end bad canaries, close what nobody needs."""
        try:
            await asyncio.to_thread(self._catalogue.look)
        except StoreUnavailable as error:
            if not self.store_away:
                log.warning("the store is away; all is served as it was", extra={"reason": str(error)})
            self.store_away = True
            return
        if self.store_away:
            log.warning("the store is back")
        self.store_away = False
        await self._end_bad_canaries()
        for ref, found, wanted in self._catalogue.moved():
            if ref not in self._swapping and self._may_be_tried(ref.name, wanted.target):
                task = self._swapping[ref] = asyncio.create_task(self._move(ref, found, wanted))
                task.add_done_callback(partial(self._moved, ref))
        self._tidy()

    def _may_be_tried(self, name: str, target: Target) -> bool:
        """Whether it is no canary that was ended here, and was not refused a moment ago, which was told then."""
        refused = any(self._engines.refusal(Key(name, version)) for version in target.versions)
        return (name, target) not in self._ended and not refused

    async def close(self) -> None:
        """Close every engine after what it accepted, unless it hangs."""
        for task in self._swapping.values():
            task.cancel()
        await self._engines.close()

    async def _lease(self, name: str, version: int, found: Found, role: Role | None) -> Lease:
        berth = self._engines.berth(Key(name, version))
        berth.users += 1
        try:
            # Shielded: a request that is given up must not stop the opening that others wait for.
            if (engine := berth.engine) is None:
                engine = await asyncio.shield(berth.task)
        except BaseException:
            self._engines.release(berth)
            raise
        return Lease(engine, Resolved(name, version, found.alias), berth, self._engines.release, role)

    async def _move(self, ref: Ref, found: Found, wanted: Found) -> None:
        """Answer ``ref`` by ``wanted`` once that is open; at once where nothing of what it had is open here."""
        versions = wanted.target.versions
        if any(self.engine(ref.name, version) for version in found.target.versions):
            try:
                for version in versions:
                    with await self._lease(ref.name, version, wanted, None):
                        pass  # opening it was all
            except WhatsitError as error:
                self._tell(ref, found, "refused", f"{type(error).__name__}: {error}", wanted)
                return
        self._catalogue.serve(ref, wanted)
        self._tell(ref, found, "done", "", wanted)

    def _moved(self, ref: Ref, task: "asyncio.Task[None]") -> None:
        del self._swapping[ref]
        if not task.cancelled() and task.exception() is not None:
            log.error("unexpected error", exc_info=task.exception())

    async def _end_bad_canaries(self) -> None:
        for (name, target), trial in list(self._trials.items()):
            if (why := trial.verdict(self._settings)) is None:
                continue
            del self._trials[name, target]
            self._ended.add((name, target))
            for ref, found in list(self._catalogue.served.items()):
                if ref.name == name and found.target == target:
                    self._catalogue.serve(ref, Found(Target(target.version), found.alias))
                    self._tell(ref, found, "returned", why, self._catalogue.find(ref))
                    await self._note_return(name, found, why)

    async def _note_return(self, name: str, found: Found, why: str) -> None:
        """Have the store say so too; another process may have been quicker, or somebody has moved the alias since."""
        try:
            await asyncio.to_thread(
                partial(rollback, self.store, name, who=_WHO, why=why, alias=str(found.alias), expect=found.target)
            )
        except RegistryError as error:
            log.info("canary ended here only", extra={"model": name, "alias": found.alias, "reason": str(error)})

    def _tidy(self) -> None:
        """Close what nobody needs, and forget what was."""
        listings, served = self._catalogue.listings, self._catalogue.served
        for key in to_close(self._engines.open(), listings, served, self._settings):
            self._engines.retire(key)
        standing = {Key(name, version) for name, listing in listings.items() for version in listing.versions}
        self._engines.forget_failures(standing)
        targets = {(name, target) for name, listing in listings.items() for target in listing.aliases.values()}
        self._ended &= targets
        self._trials = {key: trial for key, trial in self._trials.items() if key in targets}

    def _tell(self, ref: Ref, found: Found, outcome: str, reason: str, wanted: Found) -> None:
        facts = {
            "model": ref.name,
            "alias": wanted.alias or "",
            "before": str(found.target),
            "after": str(wanted.target),
        }
        level = logging.ERROR if outcome == "refused" else logging.INFO
        log.log(level, "swap %s", outcome, extra={**facts, "reason": reason})
        self.told(Swap(ref.name, wanted.alias or "", outcome))


def default_ref(store: Store, wanted: str | None) -> Ref:
    """The ref of the default model: what is wanted, else cifar10, else the only model; raises NotReady."""
    if wanted is not None:
        return parse_ref(wanted)
    names = store.names()
    if "cifar10" in names:
        return Ref("cifar10")
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise NotReady(f"no default model is set, and the store holds not one model but: {found}")
    return Ref(names[0])

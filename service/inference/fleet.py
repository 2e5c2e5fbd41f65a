"""The fleet: what answers each ref, now and after an alias has moved."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from models.aliases import versions_before
from models.errors import BundleError, DeviceUnavailable, NotFound, StoreUnavailable, WhatsitError
from models.refs import SHADOW, Ref, parse_ref
from models.store import Resolved, Store
from models.targets import Found, Target
from service.errors import NotReady, Unloaded
from service.inference.canary import choose
from service.inference.catalogue import Catalogue
from service.inference.engine import Engine
from service.inference.engines import Berth, Engines, Key, State
from service.inference.lease import Lease, Role
from service.inference.opening import Opener
from service.inference.retention import to_close
from service.inference.swaps import Swaps
from service.inference.trials import Trials
from service.settings import Settings

log = logging.getLogger(__name__)

_HANGING_LOOKED_FOR_EVERY_S = 0.5


class Fleet:
    """Has the versions of ``store`` opened by ``opener``, and hands out their engines.

    Call ``follow`` and ``watch`` for as long as the service runs.
    """

    def __init__(
        self, store: Store, settings: Settings, opener: Opener, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.store = store
        self.store_away = False
        self._settings = settings
        self._catalogue = Catalogue(store, clock)
        self._engines = Engines(opener, settings.run_timeout_s, clock)
        self._clock = clock
        self._default: Ref | None = None
        # What the last lease of a ref was, as long as nothing has moved: to find it anew takes four times as long.
        self._quick: dict[Ref, tuple[Found, Resolved, Berth]] = {}
        self.swaps = Swaps(self._catalogue, self._engines, self._prove)
        self._trials = Trials(store, settings, self._tell_end)

    @property
    def default(self) -> Ref:
        """The ref of the default model; raises NotReady when the store does not show which."""
        if self._default is None:
            self._default = default_ref(lambda: list(self._catalogue.listings), self._settings.default_model)
        return self._default

    def find(self, ref: Ref) -> Found:
        """What answers ``ref`` now; raises NotFound."""
        return self._catalogue.find(ref)

    def challenger(self, name: str) -> int | None:
        """The version that the alias ``shadow`` of a model names; None where there is none."""
        target = self._catalogue.named(name, SHADOW)
        return None if target is None else target.version

    async def lease(self, ref: Ref, client: Callable[[str], str] | None = None) -> Lease:
        """Hand out the engine that answers ``ref``, opening it when need be, for the length of a ``with``.

        ``client`` tells who asks, given the name of a header; asked only where two versions share the requests. Raises
        NotFound, or the BundleError or DeviceUnavailable that stopped the version from being opened.
        """
        if (quick := self._quick.get(ref)) is not None:
            found, resolved, berth = quick
            if not berth.leaving and berth.engine is not None and self._catalogue.served.get(ref) is found:
                berth.users += 1
                berth.used = self._clock()
                return Lease(berth.engine, resolved, berth, self._engines.release, None)
        found = self.find(ref)
        target = found.target
        trial = target.canary and self._trials.of(ref.name, str(found.alias), target)
        if not trial:
            lease = await self._lease_or_before(ref, found)
            if self._catalogue.served.get(ref) is found:  # else it has moved while this one was opened
                self._quick[ref] = (found, lease.resolved, lease.berth)
            return lease
        who = client(self._settings.sticky_header) if client else ""
        version = choose(target, f"{ref.name}@{found.alias}", who)
        patience = 0.9 * self._settings.request_timeout_s
        try:
            return await self._lease(ref.name, version, found, Role(trial, version == target.canary, patience))
        except (BundleError, DeviceUnavailable, NotFound, Unloaded):
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

    def answered_by(self, name: str) -> dict[str, Target]:
        """What this process answers the aliases of a model by, as far as they were asked for."""
        served = self._catalogue.served.items()
        return {found.alias: found.target for ref, found in served if ref.name == name and found.alias}

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

    async def open_default(self) -> None:
        """Open the default model, so that it is there when it is asked for; where that fails, the log says why."""
        if not self.store.is_near:
            await self.look()  # in a thread; nothing is known before
        try:
            with await self.lease(self.default):
                pass  # opening it was all
        except WhatsitError as error:  # readiness says so, and tries again
            log.error("the default model is not ready", extra={"reason": str(error)})

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
        self._trials.judge()
        if await self._see():
            await self._trials.note()
            self.swaps.begin()
            self._tidy()

    async def close(self) -> None:
        """Close every engine after what it accepted, unless it hangs."""
        self.swaps.cancel()
        await self._engines.close()

    async def _see(self) -> bool:
        """Look at the store; False where it is away."""
        try:
            await asyncio.to_thread(self._catalogue.look)
        except StoreUnavailable as error:
            if not self.store_away:
                log.warning("the store is away; all is served as it was", extra={"reason": str(error)})
            self.store_away = True
            return False
        if self.store_away:
            log.warning("the store is back")
        self.store_away = False
        return True

    async def _lease_or_before(self, ref: Ref, found: Found) -> Lease:
        """The engine of what ``ref`` names; where that is refused and its alias has moved, of what it named before.

        So does a process that starts while an alias names a broken version: those that ran before go on with the old
        one, and it must not be worse.
        """
        try:
            return await self._lease(ref.name, found.target.version, found, None)
        except BundleError as refusal:
            if found.alias is None:
                raise
            for version in await asyncio.to_thread(versions_before, self.store, ref.name, found.alias):
                before = Found(Target(version), found.alias)
                with suppress(BundleError, NotFound):
                    lease = await self._lease(ref.name, version, before, None)
                    if self.find(ref) == found:
                        self._catalogue.serve(ref, before)
                        facts = {"before": str(before.target), "after": str(found.target)}
                        self.swaps.tell(ref.name, found.alias, "refused", **facts, reason=str(refusal))
                    return lease
            raise

    async def _lease(self, name: str, version: int, found: Found, role: Role | None) -> Lease:
        berth = self._engines.berth(Key(name, version))
        berth.users += 1
        try:
            # Shielded: a request that is given up must not stop the opening that others wait for.
            if (engine := berth.engine) is None:
                engine = await asyncio.shield(berth.task)
                self._tidy()  # there must be room for it
        except BaseException:
            self._engines.release(berth)
            raise
        return Lease(engine, Resolved(name, version, found.alias), berth, self._engines.release, role)

    async def _prove(self, name: str, version: int, found: Found) -> None:
        with await self._lease(name, version, found, None):
            pass  # opening it was all

    def _tell_end(self, name: str, alias: str, target: Target, why: str) -> None:
        facts = {"before": str(target), "after": str(Target(target.version)), "reason": why}
        self.swaps.tell(name, alias, "returned", **facts)

    def _tidy(self) -> None:
        """Close what nobody needs, and forget what was."""
        listings, served = self._catalogue.listings, self._catalogue.served
        for key in to_close(self._engines.open(), listings, served, self._settings):
            self._engines.retire(key)
        self._quick = {ref: quick for ref, quick in self._quick.items() if ref in served}
        standing = {Key(name, version) for name, listing in listings.items() for version in listing.versions}
        self._engines.forget_failures(standing)
        self._trials.forget(
            {(name, alias, target) for name, listing in listings.items() for alias, target in listing.aliases.items()}
        )


def default_ref(find_names: Callable[[], list[str]], wanted: str | None) -> Ref:
    """The ref of the default model: what is wanted, else cifar10, else the only one of the store; raises NotReady.

    ``find_names`` tells which models the store has.
    """
    if wanted is not None:
        return parse_ref(wanted)
    names = find_names()
    if "cifar10" in names:
        return Ref("cifar10")
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise NotReady(f"no default model is set, and the store holds not one model but: {found}")
    return Ref(names[0])

"""Loading and unloading by order: in the process that is told so at once, and soon in all that serve with it.

An order is a time that all processes see of each other, of a version or of all versions of a model; what was ordered
last counts. So a process that is started in place of one that died, or was away for a moment, does as the others do.
"""

import asyncio
import logging
import time
from contextlib import suppress

from models.errors import WhatsitError
from models.refs import Ref
from service.errors import Unloaded
from service.inference.fleet import Fleet
from service.observability.metrics import Metrics
from service.observability.tallies import Labels, Numbers

log = logging.getLogger(__name__)

_ALL = "all"  # in place of a version
_LOOKED_FOR_EVERY_S = 0.5
_TO_LOOK_S = 0.1


class Loading:
    """What is unloaded answers nobody, however it is asked for, until it is loaded again or the service is restarted.

    ``run`` it for as long as the service runs. With ``others`` who serve too, an order is done when they have seen it.
    """

    def __init__(self, fleet: Fleet, metrics: Metrics, *, others: bool = False) -> None:
        self._fleet = fleet
        self._metrics = metrics
        self._others = others
        self._begun: dict[Labels, float] = {}  # of the orders to load that were followed here, when they were given
        self._opening: set[asyncio.Task[None]] = set()

    async def load(self, ref: Ref) -> None:
        """Open what ``ref`` means, be it that it was refused a moment ago; nothing more is done if it is open.

        It answers again if it was unloaded, as do all versions of a model whose name alone is given. Raises NotFound,
        or the BundleError or DeviceUnavailable that stopped it from being opened.
        """
        for scope in self._scopes(ref):
            self._metrics.loaded.set(time.time(), *scope)
        self.follow()
        for version in self._fleet.find(ref).target.versions:
            await self._open(Ref(ref.name, version=version))
        await self._seen_by_all()

    async def unload(self, ref: Ref) -> None:
        """Have what ``ref`` means, or all of a model whose name alone is given, answer no new request.

        It is closed when the last request that uses it is answered. Raises NotFound.
        """
        for scope in self._scopes(ref):
            self._metrics.unloaded.set(time.time(), *scope)
        self.follow()
        await self._seen_by_all()

    async def run(self) -> None:
        """Follow what other processes were told."""
        while True:
            try:
                self.follow()
            except WhatsitError as error:  # the store is away; the next look may go well
                log.warning("orders to load not followed", extra={"reason": str(error)})
            await asyncio.sleep(_LOOKED_FOR_EVERY_S)

    def follow(self) -> None:
        """Do here what was ordered anywhere."""
        told, metrics = self._metrics.of_all().latest, self._metrics
        loaded, unloaded = told.get(metrics.loaded.name, {}), told.get(metrics.unloaded.name, {})
        for name in {labels[0] for labels in (*loaded, *unloaded)}:
            for version in self._fleet.versions(name):
                withheld = _last(unloaded, name, version) > _last(loaded, name, version)
                self._withhold_or_allow(name, version, withheld=withheld)
        for scope, (when,) in loaded.items():
            if self._begun.get(scope, 0.0) < when:
                self._begun[scope] = when
                self._begin(scope)

    async def _seen_by_all(self) -> None:
        if self._others:
            await asyncio.sleep(_LOOKED_FOR_EVERY_S + _TO_LOOK_S)

    def _withhold_or_allow(self, name: str, version: int, *, withheld: bool) -> None:
        is_withheld = self._fleet.state(name, version)[0] == "unloaded"
        if withheld and not is_withheld:
            told = f"{name}@{version} was unloaded; POST /v2/repository/models/{name}@{version}/load loads it again"
            self._fleet.withhold(name, version, Unloaded(told))
        elif is_withheld and not withheld:
            self._fleet.allow(name, version)

    def _begin(self, scope: Labels) -> None:
        """Begin to open what an order means; what comes of it is logged, and whoever asks for it learns it."""
        name, version = scope
        with suppress(WhatsitError):  # it was removed since
            for each in self._fleet.find(_ref(name, version)).target.versions:
                if self._fleet.state(name, each)[0] == "failed":
                    self._fleet.allow(name, each)
                task = asyncio.create_task(self._try_to_open(Ref(name, version=each)))
                self._opening.add(task)
                task.add_done_callback(self._opening.discard)

    async def _try_to_open(self, ref: Ref) -> None:
        with suppress(WhatsitError):
            await self._open(ref)

    async def _open(self, ref: Ref) -> None:
        with await self._fleet.lease(ref):
            pass  # opening it was all

    def _scopes(self, ref: Ref) -> list[Labels]:
        versions = self._fleet.find(ref).target.versions
        if ref == Ref(ref.name):
            return [(ref.name, _ALL)]
        return [(ref.name, str(version)) for version in versions]


def _ref(name: str, version: str) -> Ref:
    return Ref(name) if version == _ALL else Ref(name, version=int(version))


def _last(times: Numbers, name: str, version: int) -> float:
    """When an order was last given that concerns a version; 0 for never."""
    return max(times.get(scope, [0.0])[0] for scope in ((name, _ALL), (name, str(version))))

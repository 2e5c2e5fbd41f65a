"""The trials of canaries in one process: what they have shown, which of them have ended, and who was told so."""

import asyncio
import logging
from collections.abc import Callable, Collection
from functools import partial

from models.aliases import end_canary
from models.errors import Conflict, NotFound
from models.store import Store
from models.targets import Target
from service.inference.canary import Trial
from service.settings import Settings

log = logging.getLogger(__name__)

_WHO = "whatsit serve"  # in the audit log
# A model, one of its aliases, and what that names.
_Case = tuple[str, str, Target]


class Trials:
    """Ends canaries that have shown that they must not go on: here at once, and in the store as soon as that can be.

    ``told`` is called with model, alias, target and reason of each that is ended here.
    """

    def __init__(self, store: Store, settings: Settings, told: Callable[[str, str, Target, str], None]) -> None:
        self._store = store
        self._settings = settings
        self._told = told
        self._trials: dict[_Case, Trial] = {}
        self._ended: dict[_Case, str] = {}  # and why; whatever the store says meanwhile
        self._unnoted: set[_Case] = set()

    def of(self, name: str, alias: str, target: Target) -> Trial | None:
        """The trial of a canary; None where it has ended, or there is none."""
        case = (name, alias, target)
        if target.canary is None or case in self._ended:
            return None
        return self._trials.setdefault(case, Trial())

    def judge(self) -> None:
        """End those that must not go on."""
        for case, trial in list(self._trials.items()):
            if (why := trial.verdict(self._settings)) is not None:
                del self._trials[case]
                self._ended[case] = why
                self._unnoted.add(case)
                self._told(*case, why)

    async def note(self) -> None:
        """Have the store say so too; where it cannot be told now, it is tried again."""
        for case in list(self._unnoted):
            name, alias, target = case
            try:
                why = self._ended[case]
                work = partial(end_canary, self._store, name, alias, who=_WHO, why=why, expect=target)
                await asyncio.to_thread(work)
            except (Conflict, NotFound) as error:  # another process was quicker, or somebody has moved the alias since
                log.info("canary ended here only", extra={"model": name, "alias": alias, "reason": str(error)})
            except Exception as error:  # noqa: BLE001 - a store that is away, read-only or full: it ended here all the same
                log.warning("canary's end not noted", extra={"model": name, "alias": alias, "reason": str(error)})
                continue
            self._unnoted.discard(case)

    def forget(self, standing: Collection[_Case]) -> None:
        """Forget all but the trials of what stands."""
        self._trials = {case: trial for case, trial in self._trials.items() if case in standing}
        self._ended = {case: why for case, why in self._ended.items() if case in standing}
        self._unnoted &= self._ended.keys()

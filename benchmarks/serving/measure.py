"""The whole run: every target in every work, round after round, interleaved, so that a machine that changes its speed
changes it for all. What is measured already is not measured again.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.errors import BenchmarkFailed
from benchmarks.serving.ledger import Ledger
from benchmarks.serving.limits import Limit, images_a_second
from benchmarks.serving.loads import LIMIT, LOADS, START, Load, loads_of, write_messages
from benchmarks.serving.serving import Serving
from benchmarks.serving.starting import serving
from benchmarks.serving.targets import Server, Setting
from benchmarks.serving.works import FOLDER, Work
from benchmarks.serving.wrk import Message

_WARM_S, _CHOOSE_S = 2.0, 3.0
_WARM = Load("warm", "warming up", connections=8)
_BUSY = next(load for load in LOADS if load.name == "closed-32")
_LOGS, _MESSAGES = FOLDER.parent / "logs", FOLDER.parent / "messages"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run measures, each cell for ``seconds`` times the patience of its work."""

    seconds: float
    rounds: int
    works: Sequence[Work]
    targets: Sequence[Server | Limit]
    peers_python: Path


def measure(plan: Plan, ledger: Ledger) -> None:
    """Measure what is missing in ``ledger``; what fails is noted there with its reason, and the others go on."""
    for number in range(plan.rounds):
        for work in plan.works:
            messages = write_messages(work, _MESSAGES)
            turn = number % len(plan.targets)  # nobody is always first
            for target in (*plan.targets[turn:], *plan.targets[:turn]):
                if isinstance(target, Limit):
                    _Limit(plan, ledger, number, work).measure(target)
                else:
                    _Server(plan, ledger, number, work, target, messages).measure()


@dataclass(frozen=True, slots=True)
class _Limit:
    plan: Plan
    ledger: Ledger
    number: int
    work: Work

    def measure(self, limit: Limit) -> None:
        """The one cell of a limit in a round."""
        where = (self.number, self.work.name, limit.name, LIMIT.name)
        if self.work.loads == "start" or self.ledger.has(*where):
            return
        try:
            self.ledger.note(*where, {"rate": self._rate(limit)})
        except BenchmarkFailed as error:
            self.ledger.note(*where, {}, str(error))

    def _rate(self, limit: Limit) -> float:
        loops = {loop.name: loop for loop in limit.settings}
        seconds = self.plan.seconds * self.work.patience
        name = next(iter(loops)) if len(loops) == 1 else self.ledger.choice(self.work.name, limit.name)
        if name is None:
            short = min(_CHOOSE_S, seconds)
            tried = {name: images_a_second(limit, self.work, loop, short) for name, loop in loops.items()}
            name = self.ledger.choose(self.work.name, limit.name, tried)
        return images_a_second(limit, self.work, loops[name], seconds)


@dataclass(frozen=True, slots=True)
class _Server:
    plan: Plan
    ledger: Ledger
    number: int
    work: Work
    server: Server
    messages: Mapping[str, Message]

    def measure(self) -> None:
        """The cells of a server in a round."""
        if self.server.works and self.work.name not in self.server.works:
            return
        missing = [START]
        try:
            setting = self._setting()
            missing = [load for load in (START, *loads_of(self.server, setting, self.work)) if not self._has(load)]
            if missing:
                with self._started(setting) as running:
                    for load in missing:
                        self._note(load, self._cell(running, load))
        except BenchmarkFailed as error:
            for load in missing:
                if not self._has(load):
                    self.ledger.note(self.number, self.work.name, self.server.name, load.name, {}, str(error))

    def _cell(self, running: Serving, load: Load) -> dict[str, float]:
        if load == START:
            return {"first_answer": running.first_answer, "memory": running.tree.memory_mb()}
        peak = self.ledger.peak(self.number, self.work.name, self.server.name) if load.share else 0
        values = running.measure(load, self._seconds(self.plan.seconds), peak)
        # Where everybody has been busy, and nobody has been flooded yet.
        return values | {"memory": running.tree.memory_mb()} if load == _BUSY else values

    def _setting(self) -> Setting:
        """The one of most images a second; it is looked for once in a run, and not where only the start is measured."""
        settings = {setting.name: setting for setting in self.server.settings}
        if len(settings) == 1 or self.work.loads == "start":
            return self.server.settings[0]
        name = self.ledger.choice(self.work.name, self.server.name)
        if name is None:
            tried = {name: self._try(setting) for name, setting in settings.items()}
            name = self.ledger.choose(self.work.name, self.server.name, tried)
        return settings[name]

    def _try(self, setting: Setting) -> float:
        with self._started(setting) as running:
            return running.measure(_BUSY, self._seconds(_CHOOSE_S), 0)["rate"]

    @contextmanager
    def _started(self, setting: Setting) -> Iterator[Serving]:
        log = _LOGS / f"{self.work.name}-{self.server.name}.log"
        with serving(self.server, setting, self.work, self.messages, self.plan.peers_python, log) as running:
            running.measure(_WARM, self._seconds(_WARM_S), 0)
            yield running

    def _seconds(self, wanted: float) -> float:
        return min(wanted, self.plan.seconds) * self.work.patience

    def _has(self, load: Load) -> bool:
        return self.ledger.has(self.number, self.work.name, self.server.name, load.name)

    def _note(self, load: Load, values: Mapping[str, float]) -> None:
        self.ledger.note(self.number, self.work.name, self.server.name, load.name, values)

"""The parts of the hub that the REST API and the pages use."""

from dataclasses import dataclass, field

from prometheus_client.metrics_core import Metric

from delivrd.config import Config
from delivrd.core.units import DAY
from delivrd.insight.settled import Settling
from delivrd.intake.commit import GroupCommit
from delivrd.intake.folded import Folded
from delivrd.intake.folder import Folder
from delivrd.intake.lane import Lane
from delivrd.intake.ring import Ring
from delivrd.metrics import Metrics, gauge
from delivrd.sending.waiting import Waiting
from delivrd.store.audit import note
from delivrd.store.base import Store
from delivrd.store.gathered import Gathered
from delivrd.store.queries.messages import find_messages
from delivrd.store.queries.views import Message
from delivrd.store.tx import Tx
from delivrd.supervise import Parts
from delivrd.web.auth import Auth, Caller
from delivrd.web.stream import Streams


@dataclass(frozen=True)
class Context:
    """The parts of the hub that calls use. Its creator runs ``streams.run()`` and, so that no call
    waits for data about the past to be read, ``settling.run(store)``."""

    config: Config
    store: Store
    waiting: Waiting
    folder: Folder
    commit: GroupCommit
    lane: Lane
    ring: Ring
    parts: Parts = field(default_factory=Parts)
    metrics: Metrics = field(default_factory=Metrics)
    auth: Auth = field(init=False)
    streams: Streams = field(init=False)
    folded: Folded = field(init=False)
    settling: Settling = field(init=False)
    """Estimates how messages in flight will end; caches what it read of the past."""
    messages: Gathered[str, Message] = field(init=False)
    """Messages by UUID; concurrent calls share a read."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "auth", Auth(self.store, self.config))
        kept = self.config.retention.events_days * DAY
        object.__setattr__(self, "streams", Streams(self.store, kept, self.metrics.numbered))
        object.__setattr__(self, "folded", Folded(self.store))
        object.__setattr__(self, "settling", Settling(self.store.accounts))
        object.__setattr__(self, "messages", Gathered(self.store, self._find))
        self.metrics.watch(self._figures)

    def _figures(self) -> list[Metric]:
        return [gauge("delivrd_stream_listeners", "Open event streams", self.streams.listeners)]

    async def _find(self, tx: Tx, uuids: list[str]) -> dict[str, Message]:
        return await find_messages(tx, self.store.accounts, uuids)

    async def note(self, tx: Tx, caller: Caller, action: str, detail: str) -> None:
        """Writes the audit log entry of a caller's action, in the action's own transaction."""
        await note(tx, self.store.ids, caller.name, action, detail)

    @property
    def down(self) -> dict[str, str]:
        """The parts of this process that are not running, and why."""
        return {**self.store.parts.down, **self.parts.down}

    @property
    def restarts(self) -> dict[str, int]:
        return {**self.store.parts.restarts, **self.parts.restarts}

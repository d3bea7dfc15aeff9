"""What the REST API and the pages work with."""

from dataclasses import dataclass, field

from delivrd.config import Config
from delivrd.intake.commit import GroupCommit
from delivrd.intake.folder import Folder
from delivrd.intake.ring import Ring
from delivrd.sending.waiting import Waiting
from delivrd.store.base import Store
from delivrd.web.auth import Auth
from delivrd.web.metrics import Metrics
from delivrd.web.stream import Streams


@dataclass(frozen=True)
class Context:
    """The parts of the hub that a caller can ask for. Whoever makes it runs ``streams.run()``."""

    config: Config
    store: Store
    waiting: Waiting
    folder: Folder
    commit: GroupCommit
    ring: Ring
    metrics: Metrics = field(default_factory=Metrics)
    auth: Auth = field(init=False)
    streams: Streams = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "auth", Auth(self.store, self.config))
        object.__setattr__(self, "streams", Streams(self.store, self.metrics.numbered))

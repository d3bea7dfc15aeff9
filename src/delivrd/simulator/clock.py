"""The simulator's time: simulated seconds pass faster than real ones; payloads have real dates."""

import asyncio
import time


class ScaledClock:
    """Real time, run ``speed`` times as fast. ValueError for a speed that is not above 0.

    ``now`` is seconds since 1970, for payloads; ``elapsed`` is simulated seconds since the start;
    ``sleep`` waits for simulated seconds.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError("the speed must be above 0")
        self.speed = speed
        self._start = time.monotonic()

    def now(self) -> float:
        return time.time()

    def elapsed(self) -> float:
        return (time.monotonic() - self._start) * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / self.speed)

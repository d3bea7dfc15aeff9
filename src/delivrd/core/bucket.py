"""A token bucket: bounds the rate of something, and allows short bursts."""

import time
from collections.abc import Callable


class Bucket:
    """Allows ``rate`` a second, in bursts of up to one second's worth (at least one)."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._size = max(1.0, rate)
        self._level, self._at = self._size, clock()

    def tokens(self) -> int:
        """The number of tokens that may be taken now."""
        now = self._clock()
        self._level = min(self._size, self._level + (now - self._at) * self._rate)
        self._at = now
        return int(self._level)

    def take(self, count: int) -> None:
        self._level -= count

    def seconds_to_next(self) -> float:
        """Seconds until a token may be taken; 0 if one may be taken now."""
        self.tokens()
        return max(0.0, (1 - self._level) / self._rate)

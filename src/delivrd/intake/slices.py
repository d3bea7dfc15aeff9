"""How many receipts make a slice of the fold (rule A5)."""

FIRST, MOST = 50, 1000
"""Receipts in the first slice, and in any."""

TIMES_LONGER = 4
"""Long slices begin with at most so many times the receipts of a short one."""

BEHIND = 4
"""The fold is behind if more receipts wait than so many short slices hold."""


class SliceSize:
    """The number of receipts in a slice, adapted to the time that they take."""

    def __init__(self) -> None:
        self.receipts = FIRST

    def behind(self, waiting: int) -> bool:
        """Whether with so many receipts waiting the fold is behind."""
        return waiting > BEHIND * self.receipts

    def tells(self, folded: int) -> bool:
        """Whether a slice with so many receipts tells what one takes. If it was half empty it does
        not: part of its time is the same for any number of receipts."""
        return folded >= self.receipts / 2

    def adapt(self, folded: int, spent: float, allowed: float) -> None:
        """Learns from a slice that took ``spent`` seconds of ``allowed``: shrinks at once, and
        grows by and by, if it tells anything."""
        if not folded or spent <= 0 or (spent <= allowed and not self.tells(folded)):
            return
        fits = max(1, int(min(MOST, allowed / spent * folded)))
        self.receipts = min(fits, (self.receipts + fits) // 2)


class Slices:
    """The sizes of short slices, and of long ones, in which a receipt takes less time.

    Calls wait for a slice to end, so long ones are only for catching up.
    """

    def __init__(self) -> None:
        self.short, self.long = SliceSize(), SliceSize()
        self.catching_up = False

    @property
    def size(self) -> SliceSize:
        return self.long if self.catching_up else self.short

    def choose(self, *, long: bool) -> None:
        """Makes the next slices long or short; long ones begin with what short ones have shown."""
        if long and not self.catching_up:
            self.long.receipts = min(self.long.receipts, TIMES_LONGER * self.short.receipts)
        self.catching_up = long

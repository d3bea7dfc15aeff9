"""Lengths of time: in microseconds, the unit in which the hub keeps moments, and in seconds."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
QUARTER = 15 * MINUTE
HOUR = 60 * MINUTE
DAY = 24 * HOUR

MINUTE_SECONDS = MINUTE // SECOND
QUARTER_SECONDS = QUARTER // SECOND
HOUR_SECONDS = HOUR // SECOND
DAY_SECONDS = DAY // SECOND

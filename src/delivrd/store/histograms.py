"""A histogram as a single value: adding two values adds all their steps at once.

The counts by latency step (see `delivrd.store.counts`) are the digits of one large number. In
memory it is an integer with 32 bits a step. On PostgreSQL it is a ``numeric`` with twelve decimal
digits a step, which ``+`` and ``sum()`` add. SQLite has no such type: there it is a blob, made of
the number of leading empty steps (two bytes) and the integer, signed and little-endian, and added
by functions that `teach` registers with a connection.

A step may be negative, since one writer may subtract what another added: digits are read as the
number closest to zero that they can represent.
"""

import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal
from functools import lru_cache
from itertools import islice
from struct import Struct
from sys import byteorder
from typing import Any, NamedTuple

FIRST = -1
"""The lowest step, that of unknown latencies."""

BITS = 32
DIGITS = 12

_HALF = 1 << (BITS - 1)
_HALF_DECIMAL = 5 * 10 ** (DIGITS - 1)
_EXACT = Context(prec=20_000)

_ONE = [1 << BITS * at for at in range(512)]


def one(step: int) -> int:
    """The histogram with a count of one in ``step``; ``+``, ``-`` and ``*`` make all others."""
    return _ONE[step - FIRST]


def of(counted: Mapping[int, int]) -> int:
    return sum(n << BITS * (step - FIRST) for step, n in counted.items())


class Digits(NamedTuple):
    """The counts of consecutive steps, from ``first`` on."""

    first: int
    numbers: Sequence[int]
    negative: bool = False
    """Whether a count may be negative."""

    def some(self) -> "Digits":
        """The same with zero for negative counts."""
        if not self.negative:
            return self
        return Digits(self.first, [max(0, n) for n in self.numbers])

    def steps(self) -> dict[int, int]:
        """The counts by step, without zeros."""
        return {step: n for step, n in enumerate(self.numbers, self.first) if n}


def digits(number: int) -> Digits:
    empty = _empty(number)
    return _digits(FIRST + empty, number >> BITS * empty)


def steps(number: int) -> dict[int, int]:
    """The counts by step of a histogram, without zeros."""
    return digits(number).steps()


def _empty(number: int) -> int:
    """The number of empty steps before the first with a count."""
    return ((number & -number).bit_length() - 1) // BITS if number else 0


def _digits(first: int, number: int) -> Digits:
    size = number.bit_length() // BITS + 1
    halves = _halves(size)
    if number >= 0 and not number & halves:  # a borrow from the next digit would set a top bit
        return Digits(first, _positive(number, size))
    raised = _positive(number + halves, size + 1)
    return Digits(first, [n - _HALF for n in raised[:size]], negative=True)


def _positive(number: int, size: int) -> list[int]:
    some = array("I", number.to_bytes(BITS // 8 * size, "little"))
    if byteorder == "big":
        some.byteswap()
    return some.tolist()


# --- SQLite ---------------------------------------------------------------------------------------


def to_blob(number: int) -> bytes:
    empty = _empty(number)
    number >>= BITS * empty
    return empty.to_bytes(2, "little") + number.to_bytes(
        number.bit_length() // 8 + 1, "little", signed=True
    )


def number_of(blob: bytes) -> int:
    return int.from_bytes(blob[2:], "little", signed=True) << BITS * (blob[0] | blob[1] << 8)


SAMPLE = 512
"""Rows from which `by_key` sees how many share a key."""


def by_key(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], int]:
    """Sums the blobs that end the rows, by the rest of the row."""
    some = iter(rows)
    found: dict[tuple[Any, ...], int] = {}
    _add_each(islice(some, SAMPLE), found)
    many_share_a_key = len(found) * 8 < SAMPLE
    (_add_alike if many_share_a_key else _add_each)(some, found)
    return found


def _add_each(rows: Iterable[tuple[Any, ...]], found: dict[tuple[Any, ...], int]) -> None:
    """Inlines `number_of`, as rows are many."""
    from_bytes, told = int.from_bytes, found.get
    for row in rows:
        blob, key = row[-1], row[:-1]
        number = from_bytes(blob[2:], "little", signed=True) << BITS * (blob[0] | blob[1] << 8)
        found[key] = told(key, 0) + number


def _add_alike(rows: Iterable[tuple[Any, ...]], found: dict[tuple[Any, ...], int]) -> None:
    """Adds those with as many empty steps before it shifts them: the numbers are shorter."""
    from_bytes = int.from_bytes
    alike: defaultdict[tuple[Any, ...], dict[int, int]] = defaultdict(dict)
    for row in rows:
        blob = row[-1]
        sums = alike[row[:-1]]
        empty = blob[0] | blob[1] << 8
        sums[empty] = sums.get(empty, 0) + from_bytes(blob[2:], "little", signed=True)
    for key, sums in alike.items():
        number = sum(one << BITS * empty for empty, one in sums.items())
        found[key] = found.get(key, 0) + number


def _blobs_added(one: bytes, other: bytes) -> bytes:
    """Does not strip leading steps that became empty: finding them would double the time."""
    empty, more = one[0] | one[1] << 8, other[0] | other[1] << 8
    number = int.from_bytes(one[2:], "little", signed=True)
    added = int.from_bytes(other[2:], "little", signed=True)
    if more > empty:
        added <<= BITS * (more - empty)
    elif more < empty:
        number <<= BITS * (empty - more)
        empty = more
    number += added
    return empty.to_bytes(2, "little") + number.to_bytes(
        number.bit_length() // 8 + 1, "little", signed=True
    )


def teach(connection: sqlite3.Connection) -> None:
    """Registers functions for histograms: ``steps_added(a, b)``, the aggregate ``steps_sum(a)``,
    and the aggregate ``steps_of(step, n)``, which makes one of rows with a step and a count."""
    connection.create_function("steps_added", 2, _blobs_added, deterministic=True)
    connection.create_aggregate("steps_sum", 1, _Sum)  # type: ignore[arg-type]
    connection.create_aggregate("steps_of", 2, _Of)  # type: ignore[arg-type]


@lru_cache(1024)
def _halves(size: int) -> int:
    return sum(_HALF << BITS * at for at in range(size))


class _Sum:
    """Like SQL's sum(): ignores nulls, and is null if there is nothing else."""

    def __init__(self) -> None:
        self._number: int | None = None

    def step(self, blob: bytes | None) -> None:
        if blob is None:
            return
        number = int.from_bytes(blob[2:], "little", signed=True) << BITS * (blob[0] | blob[1] << 8)
        self._number = number if self._number is None else self._number + number

    def finalize(self) -> bytes | None:
        return None if self._number is None else to_blob(self._number)


class _Of:
    def __init__(self) -> None:
        self._number = 0

    def step(self, step: int, n: int) -> None:
        self._number += n * one(step)

    def finalize(self) -> bytes:
        return to_blob(self._number)


# --- PostgreSQL -----------------------------------------------------------------------------------


def to_text(number: int) -> str:
    """The literal of a ``numeric``, in short form, as most have only a step or two."""
    counted = steps(number)
    first = min(counted, default=FIRST)
    decimal = Decimal(sum(n * _power(step - first) for step, n in counted.items()))
    return f"{decimal}e{DIGITS * (first - FIRST)}"  # text of an int has a limit


def numbers_sent(numerics: Sequence[bytes]) -> list[int]:
    """Decodes many ``numeric`` in the format of ``numeric_send``: groups of four decimal digits, in
    two bytes each; three groups make a step.

    All are decoded together as if they were one, which takes two thirds of the time.
    """
    taken = [_fours(numeric) for numeric in numerics]
    fours = b"".join([one for one, _, _ in taken])
    none = bytes(len(fours) // 6)
    if fours[::6] != none or fours[1::6] != none or any(sign for _, _, sign in taken):
        return [of(_exactly(*one).steps()) for one in taken]
    middle, low = _packed(fours, 2), _packed(fours, 4)
    numbers, end = [], 0
    for one, empty, _ in taken:
        begin, end = end, end + len(one) // 6 * _BYTES
        number = int.from_bytes(middle[begin:end]) * 10_000 + int.from_bytes(low[begin:end])
        numbers.append(number << BITS * empty)
    return numbers


_HEAD = Struct(">hhHH")
_BYTES = BITS // 8


def _fours(numeric: bytes) -> tuple[bytes, int, int]:
    """The digit groups by whole steps, the number of steps omitted after them, and the sign."""
    size, weight, sign, _ = _HEAD.unpack_from(numeric)
    empty, rest = divmod(weight + 1 - size, 3)
    return bytes(2 * (-(weight + 1) % 3)) + numeric[8:] + bytes(2 * rest), empty, sign


def _packed(fours: bytes, at: int) -> bytes:
    """Extracts the digit group at byte ``at`` of each step, spread to a histogram's digits."""
    packed = bytearray(len(fours) // 6 * _BYTES)
    packed[2::4] = fours[at::6]
    packed[3::4] = fours[at + 1 :: 6]
    return bytes(packed)


def _exactly(fours: bytes, empty: int, sign: int) -> Digits:
    text = "".join(f"{four:04}" for (four,) in _FOUR.iter_unpack(fours)) or "0"
    return decimal_digits(Decimal(f"{'-' if sign else ''}{text}e{DIGITS * empty}"))


_FOUR = Struct(">H")


def decimal_digits(number: Decimal) -> Digits:
    text = f"{number:f}".partition(".")[0]
    empty = (len(text) - len(text.rstrip("0"))) // DIGITS if number else 0
    text = _filled(text[: len(text) - DIGITS * empty])
    if number >= 0 and max(text[::DIGITS]) < _NOTHING[0]:
        return Digits(FIRST + empty, _numbers(text))
    size = max(0, number.adjusted()) // DIGITS + 2  # what is borrowed is over half: raised, none is
    text = f"{_EXACT.add(number, _decimal_halves(size)):f}".partition(".")[0]
    raised = _numbers(_filled(text))
    return Digits(FIRST, [n - _HALF_DECIMAL for n in raised[:size]], negative=True)


def _filled(text: str) -> str:
    return text.zfill(-(-len(text) // DIGITS) * DIGITS)


def _numbers(text: str) -> list[int]:
    return list(map(int, _apart(len(text) // DIGITS).unpack(text.encode())))[::-1]


@lru_cache(1024)
def _apart(size: int) -> Struct:
    return Struct(f"{DIGITS}s" * size)


_NOTHING = str(_HALF_DECIMAL)


@lru_cache(1024)
def _power(steps: int) -> int:
    return int(10 ** (DIGITS * steps))


@lru_cache(1024)
def _decimal_halves(size: int) -> Decimal:
    return Decimal(_NOTHING * size)

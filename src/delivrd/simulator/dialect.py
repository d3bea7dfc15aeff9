"""A gateway's dialect: its module in ``dialects`` with the defaults filled in."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from delivrd.simulator.accounts import Account
from delivrd.simulator.journal import Call, Push, Submission
from delivrd.simulator.wire import Answer, Complain, Inbound, Send, uuid_of
from delivrd.simulator.words import CAUSES, FAILURES, Meaning

Report = tuple[str, str]
"""A status word and an error code; the code is empty if the dialect has none for it."""


class Dialect:
    """The names of a module of ``dialects``, in lower case; that package describes each."""

    def __init__(self, module: Any) -> None:
        self.name: str = module.NAME
        self.routes: Sequence[str] = module.ROUTES
        self.retries: bool = getattr(module, "RETRIES", True)
        self.max_tries: float = getattr(module, "MAX_TRIES", math.inf)
        self.rebuilds_retries: bool = getattr(module, "REBUILDS_RETRIES", False)
        self.id_per_part: bool = getattr(module, "ID_PER_PART", False)
        self.first_id_only: bool = getattr(module, "FIRST_ID_ONLY", False)
        self.refuses_parts: bool = getattr(module, "REFUSES_PARTS", False)
        self.returns_id: bool = getattr(module, "RETURNS_ID", True)
        self.refusals: Sequence[str] = getattr(module, "REFUSALS", ())
        self.shapes: Mapping[str, float] = getattr(module, "SHAPES", {"": 1.0})
        self.words: Mapping[str, Meaning] = module.WORDS
        self.codes: Mapping[str, Meaning] = getattr(module, "CODES", {})
        self.reported_as: Mapping[str, Report] = module.REPORTED_AS
        self.reported_as_by_shape: Mapping[str, Mapping[str, Report]]
        self.reported_as_by_shape = getattr(module, "REPORTED_AS_BY_SHAPE", {})
        self.Account: type[Account] = getattr(module, "Account", Account)
        self.account: Callable[[Any, str], Account] = module.account
        self.new_id: Callable[[bytes], str] = getattr(module, "new_id", uuid_of)
        self.read: Callable[[Inbound, Any, Complain], list[Send]] = module.read
        self.answer: Callable[[list[Submission]], Answer] = module.answer
        self.receipt: Callable[[Push, Any, float], Call] = module.receipt
        self.acknowledged: Callable[[int, bytes], bool] = getattr(module, "acknowledged", _is_ok)

    def meaning(self, word: str, code: str) -> Meaning:
        """The meaning of a word and a code.

        Raises:
            KeyError: the gateway never uses this word.
        """
        by_word = self.words[word]
        return self.codes.get(code, by_word) if by_word in FAILURES else by_word

    def report(self, cause: str, shape: str) -> Report:
        """The word and the code by which a receipt of this shape reports the cause.

        Raises:
            KeyError: the dialect has no word for it.
        """
        for table in (self.reported_as_by_shape.get(shape, {}), self.reported_as):
            for key in (cause, CAUSES[cause]):
                if key in table:
                    return table[key]
        raise KeyError(f"{self.name} has no word for {cause!r} in the shape {shape!r}")


def _is_ok(status: int, body: bytes) -> bool:
    return 200 <= status < 300

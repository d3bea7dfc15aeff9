"""A gateway's dialect: its module in ``dialects`` with the defaults filled in."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from delivrd.simulator.accounts import Account
from delivrd.simulator.journal import Call, Push, Submission
from delivrd.simulator.wire import Answer, Complain, Inbound, Send, uuid_of
from delivrd.simulator.words import CAUSES, FAILURES, Meaning

Said = tuple[str, str]
"""A status word and an error code; the code is empty if the dialect has none for it."""


class Dialect:
    """The names of a module of ``dialects``, in lower case; that package describes each."""

    def __init__(self, module: Any) -> None:
        self.name: str = module.NAME
        self.routes: Sequence[str] = module.ROUTES
        self.retries: bool = getattr(module, "RETRIES", True)
        self.most_tries: float = getattr(module, "MOST_TRIES", math.inf)
        self.tries_anew: bool = getattr(module, "TRIES_ANEW", False)
        self.id_per_part: bool = getattr(module, "ID_PER_PART", False)
        self.known_by_first: bool = getattr(module, "KNOWN_BY_FIRST", False)
        self.refuses_parts: bool = getattr(module, "REFUSES_PARTS", False)
        self.names_id: bool = getattr(module, "NAMES_ID", True)
        self.refusals: Sequence[str] = getattr(module, "REFUSALS", ())
        self.shapes: Mapping[str, float] = getattr(module, "SHAPES", {"": 1.0})
        self.words: Mapping[str, Meaning] = module.WORDS
        self.codes: Mapping[str, Meaning] = getattr(module, "CODES", {})
        self.table: Mapping[str, Said] = module.SAID
        self.table_by_shape: Mapping[str, Mapping[str, Said]]
        self.table_by_shape = getattr(module, "SAID_BY_SHAPE", {})
        self.Account: type[Account] = getattr(module, "Account", Account)
        self.account: Callable[[Any, str], Account] = module.account
        self.new_id: Callable[[bytes], str] = getattr(module, "new_id", uuid_of)
        self.read: Callable[[Inbound, Any, Complain], list[Send]] = module.read
        self.answer: Callable[[list[Submission], Any], Answer] = module.answer
        self.receipt: Callable[[Push, Any, float], Call] = module.receipt
        self.acknowledged: Callable[[int, bytes], bool] = getattr(module, "acknowledged", _taken)

    def meaning(self, word: str, code: str) -> Meaning:
        """The meaning of a word and a code. KeyError for a word that the gateway never uses."""
        meant = self.words[word]
        return self.codes.get(code, meant) if meant in FAILURES else meant

    def said(self, cause: str, shape: str) -> Said:
        """The word and the code with which a receipt of this shape reports the cause."""
        for table in (self.table_by_shape.get(shape, {}), self.table):
            for key in (cause, CAUSES[cause]):
                if key in table:
                    return table[key]
        raise KeyError(f"{self.name} has no word for {cause!r} in the shape {shape!r}")


def _taken(status: int, body: bytes) -> bool:
    return 200 <= status < 300

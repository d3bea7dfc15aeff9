"""An operator's own meanings for a dialect's words and codes, over those of its tables.

A gateway may use a new code long before a released adapter knows it. Overrides count from the next
start on, and for past receipts when their requests are replayed.
"""

import copy
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from delivrd.core.reasons import Reason
from delivrd.core.statement import FAILURES, Reading, Receipt, Status, says_something
from delivrd.providers.base import AccountSettings, Code, Provider, Request, Word, refine


class Meaning(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WordMeaning(Meaning):
    """What a status word means."""

    status: Status = Field(description="pending, delivered, undelivered, rejected, …")
    final: bool = Field(description="Whether no other status follows it.")
    reason: Reason | None = Field(default=None, description="The reason, if the word implies one.")

    @field_validator("final")
    @classmethod
    def _fits(cls, final: bool, info: ValidationInfo) -> bool:
        """Only ``unknown`` may be final or not (rule C5)."""
        status = info.data.get("status")
        if status in (None, Status.UNKNOWN) or final is (status is not Status.PENDING):
            return final
        raise ValueError(f"must be {str(not final).lower()}, as the status is {status.value}")


class CodeMeaning(Meaning):
    """What an error code means."""

    reason: Reason = Field(description="Why it failed.")
    status: Status | None = Field(
        default=None,
        description="The status of a failure with this code: undelivered, rejected, expired.",
    )
    permanent: bool | None = Field(
        default=None,
        description="Whether another try would fail too; else what the gateway itself says of it, "
        "or the reason.",
    )
    words: str = Field(default="", description="The vendor's words for it.")


class Overrides(Meaning):
    """The meanings that an operator gives to one dialect's words and codes."""

    words: dict[str, WordMeaning] = Field(default_factory=dict)
    codes: dict[str, CodeMeaning] = Field(default_factory=dict)


def overridden(provider: Provider, overrides: Overrides | None) -> Provider:
    """The provider, with these meanings in place of those of its tables."""
    if overrides is None:
        return provider
    from delivrd.providers.reading import meaning_of, word  # settings need not load it

    words = {said.lower(): Word(m.status, m.final, m.reason) for said, m in overrides.words.items()}
    codes = {
        code: Code(m.words, m.reason, m.status, m.permanent) for code, m in overrides.codes.items()
    }

    def read(request: Request, settings: AccountSettings | None = None) -> Reading:
        reading = provider.read(request, settings)
        receipts = tuple(_again(receipt) for receipt in reading.receipts)
        return msgspec.structs.replace(reading, receipts=receipts)

    def _again(receipt: Receipt) -> Receipt:
        said, code = (receipt.provider_status or "").lower(), receipt.error_code or ""
        if said not in words and code not in codes:
            return receipt
        own_word = word(provider.statuses, receipt.provider_status)
        own_code = meaning_of(provider, code, receipt.reason)
        base = words.get(said) or _before_its_code(receipt, own_word, own_code)
        meaning, reason, permanent = refine(base, codes.get(code) or own_code)
        named = code in codes and codes[code].permanent is not None
        flagged = receipt.flagged and permanent is not None and not named
        return msgspec.structs.replace(
            receipt,
            status=meaning.status,
            final=meaning.final,
            reason=reason,
            permanent=receipt.permanent if flagged else permanent,
            flagged=flagged,
            unmapped=receipt.unmapped and _unmapped(said, own_word, code, own_code),
        )

    def _unmapped(said: str, own_word: Any, code: str, own_code: Any) -> bool:
        word_is_known = said in words or own_word is not None
        code_is_known = not says_something(code) or code in codes or own_code or not provider.errors
        return not (word_is_known and code_is_known)

    changed = copy.copy(provider)
    changed.read = read
    return changed


def _before_its_code(receipt: Receipt, own_word: Word | None, own_code: Code | None) -> Word:
    """What the receipt said before its code refined it. That is more than its word where the
    adapter read word and code together, or other fields."""
    refined = own_code is not None and own_code.status is receipt.status
    if own_word is not None and own_word.status in FAILURES and refined:
        return own_word
    return Word(receipt.status, receipt.final, receipt.reason)

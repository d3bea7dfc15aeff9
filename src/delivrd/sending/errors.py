"""Errors of a caller, each with the reason and a hint what to do."""


class Invalid(Exception):
    """A field of the call is not acceptable (HTTP 422)."""

    def __init__(self, field: str, why: str, hint: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field, self.why, self.hint = field, why, hint


class KeyReused(Exception):
    """The Idempotency-Key was used before with another body (HTTP 409)."""

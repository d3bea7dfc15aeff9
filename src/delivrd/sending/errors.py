"""What a caller did wrong, in words that say what, why and what to do."""


class Invalid(Exception):
    """A field of the call cannot be taken (HTTP 422)."""

    def __init__(self, field: str, why: str, hint: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field, self.why, self.hint = field, why, hint


class KeyReused(Exception):
    """The Idempotency-Key came before with another body (HTTP 409)."""

"""What all tables of settings have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """An immutable table of settings; unknown keys are refused, and so are inf and nan."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
        allow_inf_nan=False,
    )

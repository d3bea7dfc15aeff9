"""The bodies of calls about endpoints, and the parameters of their list."""

from typing import Annotated

from pydantic import ConfigDict, Field

from delivrd.core.statement import Status
from delivrd.relay.formats import FORMATS
from delivrd.web.api.common import Body, Country, ListParams, Text, Word

Filter = Field(None, min_length=1, max_length=250)
Options = Annotated[dict[Word, Text], Field(max_length=20)]
_Status = Annotated[Status, Field(strict=False)]


class Fields(Body):
    """The fields of an endpoint that a caller may set."""

    description: Text | None = Field(None, description="For people.")
    statuses: list[_Status] | None = Filter
    accounts: list[Word] | None = Filter
    countries: list[Country] | None = Filter
    final_only: bool = Field(False, description="Only of final statuses.")
    ordered: bool = Field(False, description="A message's next event waits for the one before.")
    operational: bool = Field(False, description="Also of the hub itself: `endpoint.disabled`.")
    rate_limit: int | None = Field(None, ge=1, le=10_000, description="Calls a second.")
    batch_size: int = Field(1, ge=1, le=500, description="Events a call, where it takes arrays.")
    batch_ms: int = Field(1000, ge=10, le=60_000, description="For so long a batch is waited for.")


class NewEndpoint(Fields):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://app.example.org/sms-events",
                    "description": "Order service",
                    "statuses": ["delivered", "undelivered"],
                    "final_only": True,
                },
                {
                    "url": "https://app.example.org/twilio-status",
                    "format": "twilio",
                    "options": {"auth_token": "the token that your handler checks with"},
                },
            ]
        }
    )

    url: Text = Field(description="Where events go: https, unless the settings allow http.")
    format: Word = Field("delivrd", description=f"One of {', '.join(FORMATS)}.")
    options: Options = Field({}, description="What the format asks for.")


class Changes(Fields):
    """Fields to change; the others stay as they are. In ``options``, null removes an option."""

    url: Text = ""
    format: Word = "delivrd"
    options: dict[Word, Text | None] = Field({}, max_length=20)


class Rotation(Body):
    keep_seconds: int = Field(
        default=86400,
        ge=0,
        le=30 * 86400,
        description="For so long the old secret signs beside the new.",
    )


class EndpointParams(ListParams):
    callbacks: bool = Field(False, description="Also the origins of messages' callback_urls.")

"""What the API modules share: answers, cursors, parameters, documentation."""

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)
from starlette.requests import Request
from starlette.responses import Response

from delivrd.core.phone import InvalidNumber, checked_country, normalize
from delivrd.core.statement import micros, moment
from delivrd.core.text import clean
from delivrd.store.accounts import Accounts
from delivrd.store.names import number_of, row_of
from delivrd.store.queries import views
from delivrd.store.queries.paging import Listed
from delivrd.web.api import alert_views, relay_views
from delivrd.web.problems import MEDIA_TYPE, SCHEMA, invalid, not_found

MAX_LIMIT = 200


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response with the content (structs, dictionaries) as JSON."""
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


# --- lists ------------------------------------------------------------------------------------


def page(name: str, listed: Listed[Any]) -> Response:
    """One page of the list with that name, with the cursor of the next one."""
    scanned = msgspec.UNSET if listed.scanned_to is None else moment(listed.scanned_to)
    cursor = None if listed.next_before is None else cursor_of(name, listed.next_before)
    return answer(views.Page(items=list(listed.items), next_cursor=cursor, scanned_to=scanned))


def page_of(name: str, items: Sequence[Any], params: "ListParams") -> Response:
    """One page of a list that is read whole; its cursor tells how many items are left.

    Raises:
        Problem: the cursor is none of this list.
    """
    start = before(name, params.cursor)
    left = items if start is None else items[max(0, len(items) - start) :]
    return page(name, Listed(left[: params.limit], max(0, len(left) - params.limit) or None))


def cursor_of(name: str, row_id: int) -> str:
    return base64.urlsafe_b64encode(f"{name}.{row_id:x}".encode()).decode().rstrip("=")


def before(name: str, cursor: str | None) -> int | None:
    """The id that the items of a page must lie below; None for the first page.

    Raises:
        Problem: it is no cursor of this list.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded.encode("ascii"), b"-_", validate=True).decode("ascii")
    except ValueError:
        text = ""
    found = re.fullmatch(rf"{name}\.([0-9a-f]{{1,16}})", text)
    value = int(found[1], 16) if found else 1 << 63
    if value >= 1 << 63:
        raise invalid(
            "cursor",
            "is no cursor of this list",
            "Take next_cursor as it was given, or leave it out for the first page.",
        )
    return value


# --- parameters -------------------------------------------------------------------------------


def _printable(text: str) -> str:
    if clean(text) != text:
        raise ValueError("must not hold NUL or lone surrogates")
    return text


def _aware(when: datetime) -> datetime:
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _iso(value: Any) -> Any:
    """Times are ISO 8601; in a query, the plus of an offset may have become a space."""
    if isinstance(value, str):
        if not re.match(r"\d{4}-\d\d-\d\d", value):
            raise ValueError("must be a time in ISO 8601, like 2026-11-21T20:50:00Z")
        return re.sub(r" (?=\d\d:?\d\d$)", "+", value) if "T" in value else value
    return value


Word = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_printable)]
"""A text to search for."""


def _plus(sender: str) -> str:
    return re.sub(r"^ (?=[0-9]+$)", "+", sender)


Sender = Annotated[Word, AfterValidator(_plus)]
"""A name or number to search for; a plus that the caller did not escape arrives as a space."""

Text = Annotated[str, Field(max_length=2000), AfterValidator(_printable)]
"""A text to store."""

Moment = Annotated[datetime, BeforeValidator(_iso), AfterValidator(_aware)]
"""A time; one without a zone is in UTC."""


def two_letters(*others: str) -> AfterValidator:
    """Accepts a country's two letters (ISO 3166), in any case, or one of the other words."""

    def known(text: str) -> str:
        if text in others:
            return text
        if not re.fullmatch(r"[A-Za-z]{2}", text):
            words = "".join(f", or {other}" for other in others)
            raise ValueError(f"must be a country's two letters, as GB{words}")
        return checked_country(text)

    return AfterValidator(known)


Country = Annotated[str, two_letters(), Field(json_schema_extra={"pattern": "^[A-Za-z]{2}$"})]


class Params(BaseModel):
    """Parameters of a query; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")


class Body(BaseModel):
    """The body of a call; unknown fields and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


def plain_query(request: Request) -> None:
    """Refuses parameters that are given twice, and all of a call that changes something.

    It is not clear which value is meant, and ``dry_run`` that is ignored in a query does harm.

    Raises:
        Problem: there is one.
    """
    given = set()
    for name, _ in request.query_params.multi_items():
        if name in given:
            raise invalid(name[:100], "is given more than once", "Give it once.")
        if request.method != "GET":
            raise invalid(name[:100], "is not known in the query", "Send it in the JSON body.")
        given.add(name)


class ListParams(Params):
    """The parameters of every list."""

    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="Items a page.")
    cursor: str | None = Field(None, max_length=100, description="next_cursor of the last page.")


class SpanParams(Params):
    since: Moment | None = Field(None, description="Not before this time.")
    until: Moment | None = Field(None, description="Before this time.")

    @field_validator("until")
    @classmethod
    def _not_before_since(cls, until: datetime | None, told: ValidationInfo) -> datetime | None:
        since = told.data.get("since")
        if until is not None and since is not None and until < since:
            raise ValueError("is before since, so that nothing lies between them")
        return until


def micros_or_none(when: datetime | None) -> int | None:
    return None if when is None else micros(when)


def check_account(accounts: Accounts, name: str | None) -> str | None:
    """Returns the name if there is or was such an account.

    Raises:
        Problem: there never was one.
    """
    if name is not None and name not in accounts.names:
        names = ", ".join(sorted(accounts.by_name)) or "none"
        raise invalid("account", f"there is no account {name[:50]!r}", f"Accounts: {names}.")
    return name


def row_named(text: str, what: str, hint: str, kind: str | None = None) -> int:
    """The row id that a path names: in a public id of that kind, or else by its number alone.

    Raises:
        Problem: it cannot be an id.
    """
    found = number_of(text) if kind is None else row_of(text, kind)
    if found is None:
        raise not_found(what, hint)
    return found


def as_stored(number: str, region: str | None) -> str:
    """A number in the form in which messages store it.

    The caller may have left out the plus, or not escaped it: then it arrives as a space.
    """
    text = number.strip()
    if re.fullmatch(r"[0-9]+", text) and not text.startswith("00") and region is None:
        text = f"+{text}"
    try:
        return normalize(text, region).e164
    except InvalidNumber:
        return text


# --- documentation ----------------------------------------------------------------------------

_REF = "#/components/schemas/"


def ref(view: type) -> dict[str, Any]:
    return {"$ref": f"{_REF}{view.__name__}"}


def list_of(view: type) -> dict[str, Any]:
    """The schema of one page of a list."""
    return {
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": {"type": "array", "items": ref(view)},
            "next_cursor": {"type": ["string", "null"]},
            "scanned_to": {"type": "string", "format": "date-time"},
        },
    }


PROBLEM = {"description": "A problem", "content": {MEDIA_TYPE: {"schema": SCHEMA}}}


Responses = dict[int | str, dict[str, Any]]


def responses(schema: dict[str, Any], *problems: int, status: int = 200) -> Responses:
    """The answers of a call, for the OpenAPI document."""
    good = {"description": "Done", "content": {"application/json": {"schema": schema}}}
    return {status: good, **no_content(*problems)}


def no_content(*problems: int) -> Responses:
    """The errors of a call, which are all the answers of one that returns 204.

    Each call may also fail for its key, its parameters or the store.
    """
    return dict.fromkeys(sorted({*problems, 401, 403, 422, 503}), PROBLEM)


VIEWS = (
    views.Message,
    views.Receipt,
    views.Unmatched,
    views.Unmapped,
    views.Request,
    views.RequestDetail,
    views.Key,
    relay_views.Endpoint,
    relay_views.Delivery,
    relay_views.DeliveryDetail,
    *alert_views.VIEWS,
)


def schemas() -> dict[str, Any]:
    """The schemas of all answers, for the OpenAPI document."""
    return msgspec.json.schema_components(VIEWS, ref_template=_REF + "{name}")[1]

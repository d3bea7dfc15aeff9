"""The data of an endpoint's form: its values, and the fields of the API that they mean."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import FormData

from delivrd.core.hints import hint_of
from delivrd.relay.endpoint_fields import InvalidField
from delivrd.relay.formats.own import BATCH
from delivrd.store.endpoints import Endpoint
from delivrd.web.api.endpoint_bodies import NewEndpoint
from delivrd.web.api.relay_views import HIDDEN, options_shown

FLAGS = ("final_only", "ordered", "operational")
NUMBERS = ("rate_limit", "batch_size", "batch_ms")
EMPTY: dict[str, Any] = {
    "url": "", "description": "", "format": "delivrd", "options": {}, "statuses": [],
    "accounts": [], "countries": "", "final_only": False, "ordered": False, "operational": False,
    "rate_limit": "", "batch_size": "1", "batch_ms": "1000",
}  # fmt: skip


def form_of(posted: FormData) -> dict[str, Any]:
    """The values of a posted form, to show it again if something is wrong."""
    texts = {name: str(posted.get(name, "")).strip() for name in EMPTY}
    options = {
        name.removeprefix("option."): str(value).strip()
        for name, value in posted.multi_items()
        if name.startswith("option.") and str(value).strip()
    }
    return {
        **texts,
        **{flag: flag in posted for flag in FLAGS},
        "options": options,
        "statuses": [str(v) for v in posted.getlist("statuses")],
        "accounts": [str(v) for v in posted.getlist("accounts")],
    }


def form_of_known(known: Endpoint) -> dict[str, Any]:
    """The values of an existing endpoint's form; secret options are masked."""
    options = options_shown(known.format, known.options or {})
    return {
        **{name: getattr(known, name) for name in EMPTY},
        "description": known.description or "",
        "options": {name: value for name, value in options.items() if name != BATCH},
        "statuses": sorted(known.statuses or ()),
        "accounts": sorted(known.accounts or ()),
        "countries": ", ".join(sorted(known.countries or ())),
        **{name: str(getattr(known, name) or "") for name in NUMBERS},
    }


def given(form: Mapping[str, Any], known: Endpoint | None = None) -> dict[str, Any]:
    """The form as the fields of the API, each checked by itself.

    A secret option that is still masked keeps its value.

    Raises:
        InvalidField: the first field that is not acceptable.
    """
    countries = [word.upper() for word in form["countries"].replace(",", " ").split()]
    try:
        body = NewEndpoint.model_validate(
            {
                **form,
                "description": form["description"] or None,
                "options": {n: v for n, v in form["options"].items() if v != HIDDEN},
                "statuses": form["statuses"] or None,
                "accounts": form["accounts"] or None,
                "countries": countries or None,
                **{name: _number(name, form[name]) for name in NUMBERS},
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        why = first["msg"].removeprefix("Value error, ")
        why = why[:1].lower() + why[1:]
        raise InvalidField(str(first["loc"][0]), why, hint_of(first)) from None
    fields = body.model_dump()
    if known is not None and known.format == form["format"]:
        left_out = set(known.options or {}) - set(form["options"]) - {BATCH}
        fields["options"] |= dict.fromkeys(left_out)
    return fields


def _number(name: str, text: str) -> int | None:
    if not text:
        return {"batch_size": 1, "batch_ms": 1000}.get(name)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidField(name, "must be a whole number", "Write it in digits.")
    return int(text)

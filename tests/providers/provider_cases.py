"""What each dialect must read: ``cases/NAME.toml``, and ``cases/NAME-FAMILY.toml`` for another API
of the same vendor. The tables there are written apart from the adapters', so that slips show.
"""

import copy
import json
import re
import tomllib
from pathlib import Path
from urllib.parse import urlencode

from delivrd.providers.base import Request

FOLDER = Path(__file__).parent / "cases"
FORM = (("content-type", "application/x-www-form-urlencoded"),)
JSON = (("content-type", "application/json"),)


class Dialect:
    """One file of cases.

    The template names where a receipt's id, status, code and recipient stand, by the names (and
    positions) that lead there: ``status = "results.0.status.name"``. ``shapes`` are the forms in
    which the template's fields may come: query, form, json. Where a field holds a text of fields
    of its own (an SMPP receipt), ``#`` leads into it: ``status = "short_message#stat"``.
    ``orphans`` says that a receipt without an id is read, as one that belongs to no message.
    """

    def __init__(self, path: Path) -> None:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        self.name, self.provider = path.stem, path.stem.partition("-")[0]
        self.cases, self.statuses = told["case"], told["statuses"]
        self.account = told.get("account")
        """The settings of an account that sends."""
        self.codes = dict(told.get("codes", {}))
        self.failing = self.codes.pop("failing", None)
        self.template = told["template"]
        self.envelope = self.template.get("items", "")
        self.orphans = self.template.get("orphans", False)
        self.takes_batches = self.template.get("batches", True)
        self.shapes = [SHAPES[name] for name in self.template.get("shapes", SHAPES)]

    def fields(self, **values):
        """The template's fields with other values: ``fields(status="failed", code="6")``."""
        fields = copy.deepcopy(self.template["fields"])
        for name, value in values.items():
            *outer, last = self.template[name].split(".")
            inner = fields
            for key in outer:
                inner = inner[int(key)] if isinstance(inner, list) else inner.setdefault(key, {})
            field, _, key = last.partition("#")
            inner[field] = within(inner[field], key, value) if key else value
        return fields

    def batch(self, items):
        """What a request with these receipts holds: an array, in its envelope where there is one.

        ``items = "results"`` in the template says where the array stands; in a dialect without
        an envelope, an array of single receipts is taken for one.
        """
        if not self.envelope:
            return items
        whole = copy.deepcopy(self.template["fields"])
        *outer, last = self.envelope.split(".")
        inner = whole
        for key in outer:
            inner = inner[int(key)] if isinstance(inner, list) else inner[key]
        inner[last] = items
        return whole

    def item(self, **values):
        """One receipt as it stands in a batch."""
        item = self.fields(**values)
        for key in self.envelope.split(".") if self.envelope else ():
            item = item[int(key)] if isinstance(item, list) else item[key]
        return item[0] if isinstance(item, list) else item

    def __repr__(self):
        return self.name


def request_of(case):
    """The request that a case describes."""
    headers = [(name.lower(), value) for name, value in case.get("headers", {}).items()]
    if "content_type" in case:
        headers.append(("content-type", case["content_type"]))
    return Request(
        case.get("method", "GET"),
        query=case.get("query", "").encode(),
        headers=tuple(headers),
        body=case.get("body", "").encode(),
    )


def by_query(fields):
    return Request("GET", query=urlencode(fields).encode())


def by_form(fields):
    return Request("POST", headers=FORM, body=urlencode(fields).encode())


def by_json(fields):
    return Request("POST", headers=JSON, body=json.dumps(fields).encode())


SHAPES = {"query": by_query, "form": by_form, "json": by_json}


def within(text, key, value):
    """The text ``key:value key:value`` with another value of that key."""
    return re.sub(rf"(?<!\S){key}:\S*", lambda _: f"{key}:{value}", text)


def leaves(fields, path=()):
    """The paths to every value of nested fields, and the values."""
    if isinstance(fields, dict | list):
        pairs = fields.items() if isinstance(fields, dict) else enumerate(fields)
        for key, value in pairs:
            yield (*path, key), value
            yield from leaves(value, (*path, key))


def put(fields, path, value):
    """A copy of nested fields with another value at this path."""
    fields = copy.deepcopy(fields)
    inner = fields
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return fields


DIALECTS = [Dialect(path) for path in sorted(FOLDER.glob("*.toml"))]
FLAT = [dialect for dialect in DIALECTS if len(dialect.shapes) == len(SHAPES)]
"""Those whose receipts come in all forms; what they share is tested with them."""

"""What each dialect must read: ``cases/NAME.toml``, and ``cases/NAME-FAMILY.toml`` for another API
of the same vendor. The tables there are written apart from the adapters', so that slips show.
"""

import copy
import json
import tomllib
from pathlib import Path
from urllib.parse import urlencode

from delivrd.providers.base import Request

FOLDER = Path(__file__).parent / "cases"
FORM = (("content-type", "application/x-www-form-urlencoded"),)
JSON = (("content-type", "application/json"),)


class Dialect:
    """One file of cases."""

    def __init__(self, path: Path) -> None:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        self.name, self.provider = path.stem, path.stem.partition("-")[0]
        self.cases, self.statuses = told["case"], told["statuses"]
        self.codes = dict(told.get("codes", {}))
        self.failing = self.codes.pop("failing", None)
        self.template = told["template"]
        self.shapes = [SHAPES[name] for name in self.template.get("shapes", SHAPES)]

    def fields(self, **values):
        """The template's fields with other values: ``fields(status="failed", code="6")``."""
        fields = copy.deepcopy(self.template["fields"])
        for name, value in values.items():
            *outer, last = self.template[name].split(".")
            inner = fields
            for key in outer:
                inner = inner.setdefault(key, {})
            inner[last] = value
        return fields

    def __repr__(self):
        return self.name


def by_query(fields):
    return Request("GET", query=urlencode(fields).encode())


def by_form(fields):
    return Request("POST", headers=FORM, body=urlencode(fields).encode())


def by_json(fields):
    return Request("POST", headers=JSON, body=json.dumps(fields).encode())


SHAPES = {"query": by_query, "form": by_form, "json": by_json}
DIALECTS = [Dialect(path) for path in sorted(FOLDER.glob("*.toml"))]

"""What the pages with lists share: filters and cursors in the query, and a page of a list."""

from collections.abc import Mapping
from typing import Any

from delivrd.core.statement import moment
from delivrd.core.text import clean
from delivrd.store.ids import now_micros
from delivrd.store.names import number_of
from delivrd.store.queries.paging import Listed
from delivrd.store.queries.views import at


def chosen(params: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """The filters that are set, and no others."""
    given = {name: clean(params.get(name, "").strip())[:200] for name in names}
    return {name: value for name, value in given.items() if value}


def cursor_of(given: Mapping[str, str]) -> int | None:
    """The id below which the page begins; None on the first one."""
    return number_of(given.get("cursor", ""))


def page_of(found: Listed[Any], items: list[Any]) -> dict[str, Any]:
    """A page of a list for the templates; ``items`` are its rows as they are shown."""
    return {"items": items, "next_cursor": found.next_before, "scanned_to": at(found.scanned_to)}


def newest(items: list[Any], field: str) -> str:
    """The time of the newest row; now if there is no row. Later rows are new."""
    return str(items[0][field]) if items else moment(now_micros()).isoformat()

"""What `delivrd doctor` says of endpoints: which are not told, since when, and what mends it."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from delivrd.cli.doctor import Check, ok
from delivrd.store.endpoints import Endpoint
from delivrd.store.names import endpoint_id


def endpoints(found: Iterable[Endpoint]) -> Iterator[Check]:
    """A finding for each endpoint that is disabled or fails; one that says so where all is well."""
    every = list(found)
    odd = [check for one in every for check in _odd(one)]
    yield from odd
    if not odd:
        yield ok("endpoints", f"{len(every)}, none of them failing" if every else "none")


def _odd(one: Endpoint) -> Iterator[Check]:
    name, row = urlsplit(one.url).netloc, endpoint_id(one.id)
    if not one.enabled:
        what = f"{name} is disabled: {one.disabled_why}"
        yield Check("endpoints", "warning", what, f"delivrd endpoints enable {row}")
    elif one.failing_since is not None:
        since = datetime.fromtimestamp(one.failing_since / 1e6, UTC)
        what = f"{name} takes no call since {since:%Y-%m-%d %H:%M} UTC"
        yield Check("endpoints", "warning", what, f"delivrd endpoints test {row}")

"""Makes the stored endpoints match those of the settings, at every start."""

from collections.abc import Collection, Mapping
from typing import Any

import structlog

from delivrd.config import Config
from delivrd.relay.endpoint_fields import checked
from delivrd.store import endpoints
from delivrd.store.base import Store
from delivrd.store.endpoints import TAKEN_OUT, Endpoint
from delivrd.store.ids import Ids, now_micros
from delivrd.store.tx import Tx

log = structlog.get_logger(__name__)


async def sync_endpoints(store: Store, config: Config) -> None:
    """Stores the endpoints of the settings; several processes may do so at once.

    An endpoint that was removed from the settings is disabled and keeps its deliveries; if it is
    put back, it is called again.
    """
    names = config.accounts
    wanted = {
        name: {
            **checked(config.relay, names, one.given()),
            **({"secrets": [(secret, None) for secret in one.secrets]} if one.secrets else {}),
        }
        for name, one in config.endpoints.items()
    }
    await store.write(lambda tx: _sync(tx, store.ids, wanted))


async def _sync(tx: Tx, ids: Ids, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    now = now_micros()
    await endpoints.name_all(tx, ids, now, wanted)
    known = await endpoints.named(tx)
    for name, fields in wanted.items():
        await _update(tx, known[name], fields)
    await _disable_removed(tx, now, known, wanted)


async def _update(tx: Tx, one: Endpoint, fields: Mapping[str, Any]) -> None:
    changes = {name: value for name, value in fields.items() if value != _current(one, name)}
    if changes:
        await endpoints.update(tx, one.id, **changes)
        log.info(
            "an endpoint was updated from the settings", name=one.name, changed=sorted(changes)
        )
    if one.disabled_why == TAKEN_OUT:
        await endpoints.enable(tx, one.id)


def _current(one: Endpoint, name: str) -> Any:
    return [tuple(s) for s in one.secrets] if name == "secrets" else getattr(one, name)


async def _disable_removed(
    tx: Tx, now: int, known: Mapping[str, Endpoint], wanted: Collection[str]
) -> None:
    for name, one in known.items():
        if name not in wanted and one.enabled:
            await endpoints.disable(tx, one.id, now, TAKEN_OUT)
            log.warning("an endpoint is not in the settings any more: disabled", name=name)

"""What is bad now, for the top of the overview."""

from delivrd.store import alerts as stored
from delivrd.store.tx import Tx
from delivrd.web.api import alert_views
from delivrd.web.api.alert_views import AlertFiring


async def firing_now(tx: Tx) -> list[AlertFiring]:
    """What fires, the newest first; without what another firing told already."""
    return [
        alert_views.firing(one, []) for one in await stored.open_firings(tx) if one.beside is None
    ]

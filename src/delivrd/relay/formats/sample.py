"""An event to try an endpoint with: of the real schema, about a message that nobody sent."""

from delivrd.core.statement import moment
from delivrd.relay.event import Event

NOBODY = "00000000-0000-7000-8000-000000000000"


def sample(now: int) -> Event:
    """A ``message.delivered`` of this moment (microseconds since 1970), marked by its metadata."""
    at = moment(now).isoformat().replace("+00:00", "Z")
    return Event(
        id=f"evt_test{now:012x}",
        type="message.delivered",
        created_at=now,
        data={
            "message_id": NOBODY,
            "to": "+447700900123",
            "from": "delivrd",
            "country": "GB",
            "account": "test",
            "provider": None,
            "reference": "test",
            "metadata": {"test": True},
            "status": "delivered",
            "final": True,
            "previous_status": "pending",
            "correction": False,
            "reason": None,
            "permanent": None,
            "error_code": None,
            "provider_status": None,
            "network": None,
            "price": None,
            "currency": None,
            "sent_at": at,
            "finished_at": at,
            "delivered_at": at,
        },
    )

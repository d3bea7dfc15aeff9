"""An event for testing an endpoint: of the real schema, about a message that does not exist."""

from delivrd.core.statement import moment
from delivrd.relay.event import Event

NO_MESSAGE = "00000000-0000-7000-8000-000000000000"


def sample(now: int) -> Event:
    """A ``message.delivered`` at ``now`` (microseconds since 1970); its metadata has ``test``."""
    at = moment(now).isoformat().replace("+00:00", "Z")
    return Event(
        id=f"evt_test{now:012x}",
        type="message.delivered",
        created_at=now,
        data={
            "message_id": NO_MESSAGE,
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

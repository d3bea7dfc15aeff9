"""Events as the fold writes them, and the calls that tell of them, as a receiver sees them."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from hypothesis import strategies as st

from delivrd.core.reasons import Reason
from delivrd.core.statement import FAILURES, Status, micros
from delivrd.providers.base import Request
from delivrd.relay.call import Target
from delivrd.relay.event import Event
from delivrd.relay.formats import render, sign

AT = datetime(2026, 11, 21, 20, 50, 7, tzinfo=UTC)
NOW = micros(AT + timedelta(minutes=3))
MESSAGE = "0193a1f2-7c1d-7e55-9a53-1f0c7a9b2e11"
URL = "https://app.example/receipts"
SECRET = "whsec_" + "c2VjcmV0" * 4
OLD = "whsec_" + "b2xkc2Vj" * 4


def iso(moment):
    return moment and moment.isoformat().replace("+00:00", "Z")


def event(status="delivered", *, at=AT, number=1, **data):
    """The event of a message that came to this status at that moment."""
    status = Status(status)
    final = data.pop("final", status not in (Status.PENDING, Status.UNKNOWN))
    reason = data.pop("reason", None)
    reason = reason and Reason(reason)
    told = {
        "message_id": MESSAGE, "to": "+447700900123", "from": "Acme", "country": "GB",
        "account": "main", "provider": "other", "reference": None, "metadata": None,
        "status": status, "final": final, "previous_status": "pending", "correction": False,
        "reason": reason, "permanent": reason and reason.permanent, "error_code": None,
        "provider_status": None, "network": None, "price": None, "currency": None,
        "sent_at": iso(at - timedelta(seconds=8)), "finished_at": iso(at) if final else None,
        "delivered_at": iso(at) if status is Status.DELIVERED else None,
    }  # fmt: skip
    return Event(f"evt_{number:016x}", f"message.{status}", micros(at), told | data)


def target(name, url=URL, secrets=(SECRET,), **options):
    return Target(url, name, secrets, options)


def called(events, to, now=NOW):
    """The call as it goes out."""
    return sign(render(events if isinstance(events, list) else [events], to, now), to, now)


def received(call, at=AT):
    """The call as the receiver's own code is given it."""
    parts = urlsplit(call.url)
    return Request(
        call.method,
        query=parts.query.encode(),
        headers=[(name.lower(), value) for name, value in call.headers],
        body=call.body,
        url=f"{parts.scheme}://{parts.netloc}{parts.path}",
        received_at=at + timedelta(minutes=3),
    )


names = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30
)
numbers = st.from_regex(r"\+[1-9][0-9]{7,13}", fullmatch=True)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)
said = st.fixed_dictionaries(
    {
        "message_id": st.uuids().map(str),
        "to": numbers,
        "from": names | numbers,
        "reference": st.none() | names,
        "network": st.none() | st.from_regex(r"[0-9]{5,6}", fullmatch=True),
        "price": st.none() | st.from_regex(r"0\.[0-9]{2,6}", fullmatch=True),
    }
)


@st.composite
def events(draw, statuses=tuple(Status), reasons=tuple(Reason)):
    """Any event about a status; a failure has a reason."""
    status = draw(st.sampled_from(statuses))
    reason = draw(st.sampled_from(reasons)) if status in FAILURES else None
    return event(status, at=draw(moments), reason=reason, **draw(said))

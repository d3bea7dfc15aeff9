"""Words for the states of endpoints and deliveries.

Pure functions of the JSON of the API, like those of :mod:`delivrd.web.pages.words` for messages.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from delivrd.core.text import counted
from delivrd.store.endpoints import BY_HAND
from delivrd.web.pages.show import ago, due, span, took
from delivrd.web.pages.words import Verdict

Json = Mapping[str, Any]

STATES = {
    "delivered": ("ok", "delivered"),
    "waiting": ("warn", "waiting"),
    "in_flight": ("idle", "in flight"),
    "parked": ("bad", "parked"),
    "superseded": ("idle", "superseded"),
    "skipped": ("idle", "skipped"),
    "cancelled": ("idle", "cancelled"),
}
"""A delivery's state -> tone of its mark, and the word beside it."""


MAX_DESCRIPTION = 40
"""Characters of an endpoint's description beside its host."""


class State(NamedTuple):
    tone: str
    word: str


def host(url: str) -> str:
    """The part of a URL by which people know an endpoint."""
    return urlsplit(url).netloc.rpartition("@")[2] or url


def named(endpoint: Mapping[str, str]) -> str:
    """The label of an endpoint among others, which may be on the same host."""
    about = endpoint["description"]
    short = about if len(about) <= MAX_DESCRIPTION else about[: MAX_DESCRIPTION - 1] + "…"
    return f"{endpoint['host']} ({short})" if about else endpoint["host"]


def state(endpoint: Json) -> State:
    """The state of an endpoint as a tone and a word."""
    if not endpoint["enabled"]:
        by_hand = endpoint["disabled_why"] == BY_HAND
        return State("idle", "paused") if by_hand else State("bad", "disabled")
    match endpoint["state"]:
        case "open":
            return State("bad", "failing")
        case "paused":
            return State("warn", "asked to wait")
        case "failing":
            return State("warn", "retrying")
    if endpoint["last_success_at"]:
        return State("ok", "healthy")
    if endpoint["last_24h"]["delivered"]:
        return State("ok", "tested")
    if endpoint["last_24h"]["failed"]:
        return State("warn", "test failed")
    return State("idle", "not called yet")


def subscription(endpoint: Json) -> str:
    """The events that an endpoint subscribes to, in a line."""
    if endpoint["kind"] == "callback":
        return "callback_url of single messages"
    words = []
    if endpoint["statuses"]:
        words.append(" or ".join(endpoint["statuses"]))
    elif endpoint["final_only"]:
        words.append("final statuses")
    else:
        words.append("all statuses")
    if endpoint["statuses"] and endpoint["final_only"]:
        words.append("final only")
    for field, word in (("accounts", "of"), ("countries", "to")):
        if endpoint[field]:
            words.append(f"{word} {', '.join(endpoint[field])}")
    return " · ".join(words)


def of_endpoint(endpoint: Json, why: str | None) -> Verdict:
    """The state of an endpoint in a sentence, with the cause and what happens next."""
    why = why and why.rstrip(".")
    if not endpoint["enabled"]:
        return _not_called(endpoint)
    match endpoint["state"]:
        case "open":
            return Verdict(
                f"Failing{_since(endpoint)}: {why or 'its calls fail'}.",
                "A single call is tried now and then; when one succeeds, deliveries resume by "
                "themselves. Nothing is lost meanwhile.",
            )
        case "paused":
            return Verdict("It asked to wait (Retry-After).", "Calls resume by themselves.")
        case "failing":
            return Verdict(
                f"Retrying{_since(endpoint)}: {why or 'its last calls failed'}.",
                "Each delivery is tried for days, at growing intervals.",
            )
    return _healthy(endpoint)


def _not_called(endpoint: Json) -> Verdict:
    when = ago(endpoint["disabled_at"])
    if endpoint["disabled_why"] == BY_HAND:
        return Verdict(
            f"Paused {when}.",
            "No calls are made. Resume it, then recover missed events.",
        )
    return Verdict(
        f"Disabled {when}: {endpoint['disabled_why'].rstrip('.')}.",
        "Fix the receiving side, resume it here, then recover missed events.",
    )


def _healthy(endpoint: Json) -> Verdict:
    failed = endpoint["last_24h"]["failed"]
    if not endpoint["last_success_at"]:
        return _tested(endpoint["last_24h"]["delivered"], failed)
    more = f"{counted(failed, 'try', 'tries')} of the last 24 hours failed." if failed else ""
    return Verdict(f"Healthy: last successful call {ago(endpoint['last_success_at'])}.", more)


def _tested(accepted: int, failed: int) -> Verdict:
    """How the test events of the last day went, where no other call was made yet."""
    if accepted:
        return Verdict("Tested: it accepts calls.", "No event has matched its filters yet.")
    if failed:
        return Verdict(
            "Tested: it did not accept the call.", "Its response stands in the latest deliveries."
        )
    return Verdict("Not called yet.", "Send a test event to check that it accepts calls.")


def _since(endpoint: Json) -> str:
    began = took(endpoint["failing_since"], endpoint["now"]) if endpoint["failing_since"] else ""
    return f" for {began}" if began else ""


# --- deliveries -----------------------------------------------------------------------------------


def of_delivery(delivery: Json) -> Verdict:
    """The state of a delivery in a sentence, and what happens next."""
    why, tries = delivery["why"], delivery["tries"]
    match delivery["state"]:
        case "delivered":
            return _delivered(delivery)
        case "in_flight":
            return Verdict("In flight: the call is being made.")
        case "parked":
            return Verdict(f"Parked: {why}.", "Nothing is lost: send it again once that is fixed.")
        case "waiting" if why:
            return Verdict(
                f"Waiting: try {tries} failed, {why}.",
                _next(due(delivery["next_try_at"])),
            )
        case "waiting":
            return Verdict("Waiting to be sent.")
    return Verdict(f"{STATES[delivery['state']][1].capitalize()}: {why or 'no more calls'}.")


def _next(when: str) -> str:
    if when.startswith("in "):
        return f"The next try is {when}."
    return "The next try is due: it is made as soon as the endpoint may be called."


def _delivered(delivery: Json) -> Verdict:
    tries = delivery["tries"]
    after = took(delivery["created_at"], delivery["ended_at"])
    which = "at the first try" if tries == 1 else f"at try {tries}"
    return Verdict(f"Delivered {which}" + (f", {after} after the change." if after else "."))


def answer(status: int | None, error: str | None) -> str:
    """The HTTP status of a call, or words if there is none."""
    return str(status) if status is not None else ("no response" if error else "not called")


def milliseconds(value: float | None) -> str:
    """A duration given in milliseconds; empty for None."""
    return "" if value is None else span(value / 1000)

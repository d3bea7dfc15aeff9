"""What is kept of a text, and from when on (rule H5)."""

from typing import Any

import pytest

from delivrd.app import Hub
from delivrd.config import Privacy
from delivrd.core.reasons import Reason
from delivrd.core.units import SECOND
from delivrd.providers.base import Accepted, Answer, Later, Refused, SentPart, Unsure
from delivrd.sending.submit import Order, submit
from delivrd.store import outbox
from delivrd.store.ids import now_micros
from tests.support import open_hub, run, settings

TEXT = "Your code is 4711. Never tell anybody, not even us. " * 2
ENDS = {
    "accepted": Accepted((SentPart("A"),)),
    "refused": Refused(Reason.ACCOUNT_PROBLEM),
    "unsure": Unsure("the gateway hung up"),
    "later": Later(0),
}


async def kept(hub: Hub) -> tuple[Any, ...]:
    """The preview and the text."""
    rows = await hub.store.read(lambda tx: tx.fetch("SELECT preview, text FROM message"))
    return tuple(rows[0])


async def handed_over(hub: Hub, answer: Answer) -> None:
    store = hub.store
    parts, now = (store.accounts, store.ids), now_micros() + SECOND
    (taken,) = await store.write(lambda tx: outbox.claim(tx, *parts, now, store.accounts.ids, 1))
    assert taken.text == TEXT
    assert (await kept(hub))[1] == TEXT
    said = outbox.Answered(taken.attempt_id, answer, now, now + SECOND)
    await store.write(lambda tx: outbox.store_answer(tx, *parts, now, said))


async def expired(hub: Hub) -> None:
    store, later = hub.store, now_micros() + 3600 * SECOND
    assert await store.write(lambda tx: outbox.time_out(tx, store.accounts, store.ids, later)) == 1


@pytest.mark.parametrize("end", [*ENDS, "expired"])
@pytest.mark.parametrize(
    ("privacy", "preview", "text"),
    [("preview", TEXT[:50], None), ("full", TEXT[:50], TEXT), ("none", None, None)],
)
def test_a_text_stays_whole_while_it_may_have_to_go_out(
    database_url: str, privacy: Any, preview: str | None, text: str | None, end: str
) -> None:
    async def test() -> None:
        config = settings(database_url, privacy=Privacy(text=privacy))
        async with open_hub(config, roles=("intake", "web")) as hub:
            order = Order("+447700900123", "Acme", TEXT, via=("vonage",), deadline_seconds=60)
            await submit(hub.store, config, order)
            assert await kept(hub) == (preview, TEXT)
            if end == "expired":
                await expired(hub)
            else:
                await handed_over(hub, ENDS[end])
            assert await kept(hub) == (preview, TEXT if end == "later" else text)

    run(test())

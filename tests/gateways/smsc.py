"""An SMS centre on loopback: takes texts by SMPP, and says what becomes of each.

The last digit of the recipient decides: ``STATS`` names the ends, and 9 is refused at once.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from typing import Any

import smpp34

STATS = {
    "0": "DELIVRD",
    "1": "UNDELIV",
    "2": "EXPIRED",
    "3": "REJECTD",
    "4": "DELETED",
    "5": "UNKNOWN",
}
RECEIPT = 0x04  # esm_class of a delivery receipt
NO_SUCH_NUMBER = smpp34.ESME_RINVDSTADR


class Smsc:
    """Use as ``async with Smsc(port) as smsc``; ``taken`` are the recipients it took texts for."""

    def __init__(self, port: int) -> None:
        self.port, self.taken = port, []
        self._server = smpp34.Server("127.0.0.1", port, system_id="smsc")
        self._binds: dict[str, Any] = {}
        self._ids = count(9_002_400_001)
        self._pushes: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Smsc":
        await self._server.start()
        self._task = asyncio.create_task(self._serve())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._server.stop()

    @property
    def bound(self) -> bool:
        return any(bind.can_receive for bind in self._binds.values())

    async def _serve(self) -> None:
        while True:
            event = await self._server.next()
            if isinstance(event, smpp34.Esme):
                self._binds[event.session_id] = event
            elif isinstance(event, smpp34.SubmitSmEvent):
                self._take(event)
            else:
                self._binds.pop(event.session_id, None)

    def _take(self, text: Any) -> None:
        to = text.destination_addr
        self.taken.append(to)
        if to[-1] not in STATS:
            text.reject(NO_SUCH_NUMBER)
            return
        message_id = str(next(self._ids))
        text.accept(message_id)
        push = asyncio.create_task(self._push(text.source_addr, to, message_id, STATS[to[-1]]))
        self._pushes.add(push)
        push.add_done_callback(self._pushes.discard)

    async def _push(self, sender: str, to: str, message_id: str, stat: str) -> None:
        when = datetime.now(UTC).strftime("%y%m%d%H%M")
        arrived = "001" if stat == "DELIVRD" else "000"
        receipt = (
            f"id:{message_id} sub:001 dlvrd:{arrived} submit date:{when} done date:{when} "
            f"stat:{stat} err:000 text:Hello"
        )
        await asyncio.sleep(0.05)  # after the answer to the submit has gone out
        bind = next(bind for bind in self._binds.values() if bind.can_receive)
        await bind.deliver_sm(sender, receipt.encode(), source_addr=to, esm_class=RECEIPT)

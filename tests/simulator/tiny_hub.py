"""The smallest hub that is right, and a few that are wrong, to try the simulator with.

It folds by the hub's real status rules, so that the journal's own statement of them is checked too.
"""

import asyncio
import json
from contextlib import suppress
from itertools import count
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web

from delivrd.core.statement import Kind, Receipt, Status, identity
from delivrd.core.status import Handover, State, Statement, fold_attempt, fold_message, fold_part
from delivrd.simulator import dialect
from delivrd.simulator.dialects.vonage_signing import sign
from delivrd.simulator.segments import count as segments
from delivrd.simulator.segments import is_gsm

SECRET = "a-signature-secret"


class TinyHub:
    """``addresses`` are the gateways'. Wrong on purpose: ``last_word`` believes the latest receipt,
    ``trusting`` checks no signature, ``eager`` sends again when an answer is lost.
    ``busy`` sends and ``refuse`` receipts are answered 503 at first."""

    def __init__(self, *, last_word=False, trusting=False, eager=False, refuse=0, busy=0):
        self.last_word, self.trusting, self.eager = last_word, trusting, eager
        self.refuse, self.busy = refuse, busy
        self.keys = []
        self.addresses = {}
        self.messages = {}
        self.receipts = {}
        self.by_reference = {}
        self.requests = []
        self._ids = count(1)
        self._tasks = set()

    async def __aenter__(self):
        app = web.Application()
        app.router.add_post("/v1/messages", self._accept)
        app.router.add_post("/locked/v1/messages", self._refuse)
        app.router.add_get("/v1/messages/{id}", self._show)
        app.router.add_route("*", "/webhooks/{name}", self._receive)
        app.router.add_route("*", "/webhooks/{name}/{reference}", self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))
        return self

    async def __aexit__(self, *error):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()
        await self._runner.cleanup()

    def webhook(self, name):
        return f"{self.url}/webhooks/{name}"

    async def handed_over(self):
        """Wait until every message was handed over, or surely never will be."""
        while self._tasks:
            await asyncio.gather(*self._tasks)
            await asyncio.sleep(0)  # finished ones are discarded by the loop

    async def _refuse(self, request):
        return web.Response(status=401)

    async def _accept(self, request):
        wanted = await request.json()
        self.keys.append(request.headers.get("Idempotency-Key"))
        if self.busy > 0:
            self.busy -= 1
            return web.Response(status=503)
        message_id = str(next(self._ids))
        message = {**wanted, "id": message_id, "state": State.HANDING_OVER, "parts": []}
        self.messages[message_id] = message
        task = asyncio.create_task(self._hand_over(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return web.json_response(self.json(message), status=202)

    async def _hand_over(self, message):
        send = {"vonage": self._vonage, "ruach": self._ruach, "smspm": self._smspm}
        for _ in range(400):
            try:
                outcome = await send[message["via"][0]](message)
            except (aiohttp.ClientError, TimeoutError):
                message["state"] = State.UNSURE
                if not self.eager:
                    return
                outcome = None
            if outcome is not None:
                message["state"] = outcome
                return
            await asyncio.sleep(0.01)

    async def _vonage(self, message):
        form = {
            "api_key": "key", "api_secret": "secret", "from": message["from"],
            "to": message["to"].lstrip("+"), "text": message["text"],
            "type": "text" if is_gsm(message["text"]) else "unicode", "client-ref": message["id"],
        }  # fmt: skip
        async with self._client.post(self.addresses["vonage"] + "/sms/json", data=form) as response:
            if response.status == 503:
                return State.UNSURE
            elements = (await response.json())["messages"]
        if elements[0]["status"] in ("1", "5"):
            return None
        if len(elements) == 1 and elements[0]["status"] != "0":
            return State.REFUSED
        message["parts"] = [e.get("message-id") for e in elements]
        return State.ACCEPTED

    async def _ruach(self, message):
        body = {
            "ApiKey": "key", "ClientId": "client", "SenderId": message["from"],
            "Message": message["text"], "MobileNumbers": message["to"].lstrip("+"),
            "Is_Unicode": not is_gsm(message["text"]), "Is_Flash": False,
        }  # fmt: skip
        url = self.addresses["ruach"] + "/api/v2/SendSMS"
        async with self._client.post(url, json=body) as response:
            if response.status == 429:
                return None
            text = await response.text()
        if '"ErrorCode": 0,' not in text:
            return State.REFUSED
        message["parts"] = [json.loads(text)["Data"][0]["MessageId"]]
        return State.ACCEPTED

    async def _smspm(self, message):
        body = {
            "hash": "hash", "token": "token", "toNumber": message["to"].lstrip("+"),
            "fromNumber": message["from"], "text": message["text"],
            "report": f"{self.webhook('smspm')}/{message['id']}",
        }  # fmt: skip
        async with self._client.post(self.addresses["smspm"], json=body) as response:
            if response.status == 429:
                return None
            element = (await response.json())["messages"][0]
        if "error" in element:
            return State.REFUSED
        message["parts"] = [element["id"]]
        return State.ACCEPTED

    async def _receive(self, request):
        name, body = request.match_info["name"], await request.read()
        self.requests.append((name, request.method, request.rel_url.raw_query_string, body))
        if self.refuse > 0:
            self.refuse -= 1
            return web.Response(status=503)
        fields = dict(parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True))
        if body and "json" in request.content_type:
            fields |= json.loads(body)
        elif body:
            fields |= dict(parse_qsl(body.decode(), keep_blank_values=True))
        if name == "vonage" and not self.trusting and not _signed(fields):
            return web.Response(status=401)
        part = fields.get("messageId") or fields["id"]
        code = fields.get("err-code") or fields.get("errorCode") or ""
        self._keep(name, part, fields["status"], code)
        reference = request.match_info.get("reference") or fields.get("client-ref")
        if reference:
            self.by_reference.setdefault(reference, {})[part] = True
        return web.Response(text="OK")

    def _keep(self, name, part, word, code):
        status, final = dialect(name).meaning(word, code)
        receipt = Receipt(
            provider_message_id=part, status=Status(status), final=final, provider_status=word
        )
        statement = Statement(
            Kind.RECEIPT, receipt, len(self.requests), identity(Kind.RECEIPT, receipt)
        )
        said = self.receipts.setdefault(part, [])
        said[:] = [statement] if self.last_word else [*said, statement]

    async def _show(self, request):
        message = self.messages.get(request.match_info["id"])
        return web.json_response(self.json(message)) if message else web.Response(status=404)

    def json(self, message):
        known = dict.fromkeys(part for part in message["parts"] if part)
        known |= self.by_reference.get(message["id"], {})
        outcomes = [fold_part(self.receipts.get(part, ())) for part in known]
        refused = Receipt(provider_message_id=None, status=Status.REJECTED, final=True)
        outcomes += [
            fold_part([Statement(Kind.ANSWER, refused, 0, b"")])
            for part in message["parts"]
            if part is None
        ]
        expected = segments(message["text"]) if message["via"] == ["vonage"] else 1
        expected = len(message["parts"]) or expected
        outcome = fold_message([fold_attempt(Handover(message["state"], expected), outcomes)])
        return {
            "id": message["id"],
            "to": message["to"],
            "text_preview": message["text"][:50],
            "status": str(outcome.status),
            "final": outcome.final,
            "attempts": [
                {"id": message["id"], "parts": [{"provider_message_id": part} for part in known]}
            ],
        }


def _signed(fields):
    given = fields.get("sig", "")
    with suppress(ValueError):
        return given == sign(fields, SECRET)
    return False

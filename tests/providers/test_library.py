"""The adapters without the hub: in somebody's own web app, and with nothing else loaded."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from fastapi import Request as FastAPIRequest
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient
from flask import Flask
from flask import request as flask_request

from delivrd.providers import vonage
from delivrd.providers.base import Request, Unauthentic, Unreadable

SECRET = "a signature secret"
ACCOUNT = vonage.Settings(receive_only=True, signature_secret=SECRET, signature_method="sha256")


def handle(request: Request, seen: list) -> int:
    """What a handler does with a receipt, whatever its framework."""
    try:
        vonage.authenticate(request, ACCOUNT)
        seen.extend(vonage.read(request).receipts)
    except Unauthentic:
        return 401
    except Unreadable:
        return 400
    return 200


def flask_client(seen):
    app = Flask(__name__)

    @app.route("/dlr", methods=["GET", "POST"])
    def dlr():
        request = Request(
            flask_request.method,
            query=flask_request.query_string,
            headers=[(name.lower(), value) for name, value in flask_request.headers],
            body=flask_request.get_data(),
        )
        return "", handle(request, seen)

    return app.test_client()


def fastapi_client(seen):
    app = FastAPI()

    @app.api_route("/dlr", methods=["GET", "POST"])
    async def dlr(got: FastAPIRequest):
        request = Request(
            got.method,
            query=got.url.query.encode(),
            headers=got.headers.items(),
            body=await got.body(),
        )
        return PlainTextResponse("", handle(request, seen))

    return TestClient(app)


@pytest.mark.parametrize("client", [flask_client, fastapi_client])
def test_a_handler_verifies_and_reads_a_receipt(client):
    seen = []
    http = client(seen)
    fields = {"messageId": "0A01", "msisdn": "447700900000", "status": "delivered"}
    fields["timestamp"] = str(int(datetime.now(UTC).timestamp()))
    fields["sig"] = vonage.signature(fields, SECRET, "sha256")
    assert http.post("/dlr", json=fields).status_code == 200
    assert http.post("/dlr", data=fields).status_code == 200
    assert http.post("/dlr", json=fields | {"status": "failed"}).status_code == 401
    assert [(r.provider_message_id, r.status, r.to) for r in seen] == [
        ("0A01", "delivered", "447700900000")
    ] * 2


@pytest.mark.parametrize("name", ["vonage", "smspm", "ruach"])
def test_an_adapter_loads_no_server_no_database_and_no_client(name):
    program = f"""
import json, sys
from delivrd.providers import {name}
from delivrd.providers.base import Request
{name}.read(Request("GET", query=b"messageId=1&status=delivered"))
print(json.dumps(sorted(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    loaded = set(json.loads(done.stdout))
    heavy = {"sqlalchemy", "uvicorn", "aiohttp", "fastapi", "starlette", "alembic", "asyncio"}
    assert not loaded & heavy

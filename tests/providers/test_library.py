"""The adapters without the hub: in somebody's own web app, and with nothing else loaded."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from delivrd.providers import names, vonage

SECRET = "a signature secret"
PAGE = (Path(__file__).parents[2] / "docs/library.md").read_text("utf-8")
FORM = "application/x-www-form-urlencoded"


def handler(framework):
    """The example of that framework in docs/library.md, as a module of its own."""
    example = re.search(rf"## {framework}\n\n```python\n(.*?)```", PAGE, re.DOTALL)[1]
    module = ModuleType(f"library_{framework.lower()}")
    exec(compile(example, f"docs/library.md, {framework}", "exec"), module.__dict__)
    return module


def fastapi_post():
    client = TestClient(handler("FastAPI").app)
    return lambda **content: client.post("/receipts", **content).status_code


def flask_post():
    client = handler("Flask").app.test_client()
    return lambda **content: client.post("/receipts", **content).status_code


def django_post():
    import django
    from django.conf import settings

    urls = sys.modules.setdefault("library_django", handler("Django"))
    if not settings.configured:
        settings.configure(ROOT_URLCONF=urls.__name__, ALLOWED_HOSTS=["testserver"])
        django.setup()
    from django.test import Client

    def post(json=None, data=None):
        if json is None:
            return Client().post("/receipts", urlencode(data), FORM).status_code
        return Client().post("/receipts", json, "application/json").status_code

    return post


@pytest.mark.parametrize("make", [fastapi_post, flask_post, django_post])
def test_the_handler_of_the_page_verifies_and_reads_a_receipt(make, capsys):
    post = make()
    fields = {"messageId": "0A01", "msisdn": "447700900000", "status": "delivered"}
    fields["timestamp"] = str(int(datetime.now(UTC).timestamp()))
    fields["sig"] = vonage.signature(fields, SECRET, "sha256")
    assert post(json=fields) == 200
    assert post(data=fields) == 200
    assert post(json=fields | {"status": "failed"}) == 401
    assert capsys.readouterr().out.splitlines() == ["0A01 delivered True None"] * 2


def test_no_adapter_loads_a_server_a_database_or_a_client():
    program = """
import json, sys
from delivrd.providers import names, provider
loaded = [provider(name).name for name in names()]
print(json.dumps([loaded, sorted(sys.modules)]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    adapters, loaded = json.loads(done.stdout)
    heavy = {"sqlalchemy", "uvicorn", "aiohttp", "fastapi", "starlette", "alembic", "asyncio"}
    assert adapters == names()
    assert not heavy & set(loaded)

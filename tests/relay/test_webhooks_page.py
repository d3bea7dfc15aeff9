"""docs/webhooks.md: its tables are the code's, and its handlers run."""

import base64
import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import jsonschema_rs
import pytest
from fastapi.testclient import TestClient

import delivrd.relay
from delivrd.core.statement import Status
from delivrd.relay.formats import FORMATS, own
from delivrd.relay.formats.kannel import NO_VALUE
from tests.relay.relay_events import MESSAGE, OLD, SECRET, called, event, target

PAGE = (Path(__file__).parents[2] / "docs/webhooks.md").read_text("utf-8")
SCHEMA = json.loads((Path(delivrd.relay.__file__).parent / "event.schema.json").read_text("utf-8"))
SAID = f"message.delivered {MESSAGE} delivered"


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)


def block(heading, language):
    return re.search(rf"## {heading}\n(?:[^`]|`[^`])*?```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


def call(*, secrets=(SECRET,), seconds=0, told=None):
    """Headers and body of a call as it goes out now, or so many seconds ago."""
    now = time.time_ns() // 1000 - seconds * 1_000_000
    made = called(told or event(metadata={"name": "Zoë"}), target("delivrd", secrets=secrets), now)
    return dict(made.headers), made.body


def handler(framework):
    """The example of that framework, as a module of its own."""
    module = ModuleType(f"webhooks_{framework.lower()}")
    example = compile(block(framework, "python"), f"docs/webhooks.md, {framework}", "exec")
    exec(example, module.__dict__)
    return module


@contextmanager
def fastapi():

    client = TestClient(handler("FastAPI").app)
    yield lambda headers, body: client.post("/events", headers=headers, content=body).status_code


@contextmanager
def flask():
    client = handler("Flask").app.test_client()
    yield lambda headers, body: client.post("/events", headers=headers, data=body).status_code


@contextmanager
def django():
    import django
    from django.conf import settings
    from django.test import Client, override_settings

    urls = sys.modules.setdefault("webhooks_django", handler("Django"))
    if not settings.configured:  # once a process, so as the other page's test does it
        settings.configure(ROOT_URLCONF="library_django", ALLOWED_HOSTS=["testserver"])
        django.setup()

    def post(headers, body):
        return Client().post("/events", body, "application/json", headers=headers).status_code

    with override_settings(ROOT_URLCONF=urls.__name__):
        yield post


@pytest.fixture(params=[fastapi, flask, django])
def post(request):
    with request.param() as posted:
        yield posted


@pytest.fixture
def node(need, tmp_path):
    """The server of the page on a real socket; what it says comes out of it line by line."""
    need("node")
    program = tmp_path / "handler.mjs"
    program.write_text(block("Node", "js"), "utf-8")
    process = subprocess.Popen(
        ["node", program], stdout=subprocess.PIPE, text=True, env=os.environ | {"PORT": "0"}
    )
    with process:
        port = process.stdout.readline().split()[1]

        def post(headers, body):
            request = Request(f"http://127.0.0.1:{port}/events", body, headers)
            try:
                with urlopen(request, timeout=10) as answer:
                    return answer.status
            except HTTPError as error:
                error.close()
                return error.code

        post.said = process.stdout.readline
        yield post
        process.terminate()


RACK = """
require "json"
require "stringio"

def run(app)
  given = JSON.parse($stdin.read)
  answers = given.map do |headers, body|
    env = headers.to_h { |name, value| ["HTTP_" + name.upcase.tr("-", "_"), value.b] }
    app.call(env.merge("rack.input" => StringIO.new(body.unpack1("m"))))[0]
  end
  puts JSON.dump(answers)
end
"""


@pytest.fixture
def ruby(need, tmp_path):
    """Runs the page's Rack app over some calls: its answers, and what it said."""
    need("ruby")
    program = tmp_path / "handler.rb"
    program.write_text(RACK + block("Ruby", "ruby"), "utf-8")

    def post(calls):

        given = [(headers, base64.b64encode(body).decode()) for headers, body in calls]
        done = subprocess.run(
            ["ruby", program], input=json.dumps(given), capture_output=True, text=True, check=True
        )
        *said, answers = done.stdout.splitlines()
        return json.loads(answers), said

    return post


def bad_calls():
    """What no handler may take, by what is wrong with it."""
    headers, body = call()
    signature = headers["webhook-signature"]
    return {
        "body": (headers, body + b" "),
        "another secret": call(secrets=(OLD,)),
        "old": call(seconds=301),
        "ahead": call(seconds=-310),
        "id": (headers | {"webhook-id": "evt_2"}, body),
        "no headers": ({"content-type": "application/json"}, body),
        "no signature": (headers | {"webhook-signature": "v1"}, body),
        "empty": (headers | {"webhook-signature": "v1,"}, body),
        "version": (headers | {"webhook-signature": signature.replace("v1,", "v2,")}, body),
        "time": (headers | {"webhook-timestamp": "now"}, body),
        "cut": (headers | {"webhook-signature": signature[:-4]}, body),
    }


def test_a_python_handler_of_the_page_takes_what_is_ours(post, capsys):
    assert post(*call()) == 204
    assert post(*call(secrets=(OLD, SECRET))) == 204
    assert capsys.readouterr().out.splitlines() == [SAID] * 2


@pytest.mark.parametrize("wrong", bad_calls())
def test_a_python_handler_of_the_page_refuses_all_else(post, wrong, capsys):
    assert post(*bad_calls()[wrong]) == 401
    assert not capsys.readouterr().out


def test_the_node_handler_of_the_page_takes_what_is_ours_alone(node):
    assert node(*call()) == 204
    assert node.said() == SAID + "\n"
    assert node(*call(secrets=(OLD, SECRET))) == 204
    assert {wrong: node(*bad) for wrong, bad in bad_calls().items()} == dict.fromkeys(
        bad_calls(), 401
    )


def test_the_ruby_handler_of_the_page_takes_what_is_ours_alone(ruby):
    good = [call(), call(secrets=(OLD, SECRET))]
    answers, said = ruby(good + list(bad_calls().values()))
    assert answers == [204, 204] + [401] * len(bad_calls())
    assert said == [SAID] * 2


def test_the_event_on_the_page_is_as_the_schema_says():
    example = json.loads(block("An event", "json"))
    jsonschema_rs.validate(SCHEMA, example)
    assert list(example["data"]) == SCHEMA["$defs"]["message"]["required"]


def test_the_page_explains_every_member_as_the_schema_does():
    members = SCHEMA["$defs"]["message"]["properties"].items()
    rows = [f"| `{name}` | {member['description']} |" for name, member in members]
    assert "\n".join(rows) in PAGE


def test_the_page_names_every_type():
    assert all(f"`message.{status}`" in PAGE for status in Status)


def test_the_page_says_each_dialect_s_words():
    rows = []
    for name, module in FORMATS.items():
        if module is not own:
            said = [f"`{module.WORDS[s]}`" if s in module.WORDS else "skipped" for s in Status]
            rows.append(f"| `{name}` | {' | '.join(said)} |")
    assert "\n".join(rows) in PAGE


def test_the_page_explains_every_escape_that_has_a_value():
    explained = set(re.findall(r"^\| .*$", PAGE.split("### Kannel's escapes")[1], re.MULTILINE))
    letters = set(re.findall(r"`%([A-Za-z])`", " ".join(explained)))
    assert letters == set("dAFIpPqQtTiB")
    assert not letters & NO_VALUE


@pytest.mark.parametrize("name", sorted(set(FORMATS) - set(own.NAMES)))
def test_the_page_names_every_option_of_a_dialect(name):
    assert all(f"`{option}`" in PAGE for option in FORMATS[name].OPTIONS)

"""Commands that ask a running hub: what they send, what they print, how they fail."""

import ast
import csv
import io
import json
import re
import socket
import threading
from pathlib import Path

import pytest

from delivrd.cli import client, filters, receipts
from delivrd.cli.client import Hub
from delivrd.cli.output import Failure

KEY = "a-key-of-twenty-four-characters"
ID = "0199f000-0000-7000-8000-000000000001"
PENDING = {
    "id": ID,
    "status": "pending",
    "final": False,
    "to": "+447700900123",
    "from": "Acme",
    "created_at": "2026-11-21T20:00:00Z",
    "reference": "ord-1",
    "attempts": [{"account": "main", "state": "accepted", "sent_at": "2026-11-21T20:00:01Z"}],
    "receipts": [],
    "error": None,
    "price": {"amount": "0.0057", "currency": "EUR"},
}
DELIVERED = {**PENDING, "status": "delivered", "final": True}
FAILED = {
    **PENDING,
    "status": "undelivered",
    "final": True,
    "sent_at": "2026-11-21T20:00:01Z",
    "finished_at": "2026-11-21T20:00:42Z",
    "error": {
        "code": "2",
        "reason": "unreachable",
        "permanent": False,
        "explanation": "The phone was off or out of coverage.",
    },
    "receipts": [
        {
            "id": "1",
            "account": "main",
            "status": "undelivered",
            "provider_status": "failed",
            "provider_message_id": "0A1",
            "received_at": "2026-11-21T20:00:42Z",
            "count": 2,
        }
    ],
}


def test_send_prints_the_id_and_sends_what_was_given(delivrd, hub) -> None:
    hub.answer("POST", "/v1/messages", PENDING, status=202)
    ran = delivrd(
        *("send", "+447700900123", "Hello", "--from", "Acme", "--via", "a", "--via", "b"),
        *("--deadline", "60", "--reference", "ord-1"),
    )
    assert (ran.code, ran.out) == (0, f"{ID}\n")
    asked = hub.asked[0]
    assert asked.body == {
        "to": "+447700900123",
        "from": "Acme",
        "text": "Hello",
        "via": ["a", "b"],
        "reference": "ord-1",
        "deadline_seconds": 60,
    }
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["idempotency-key"]


def test_what_is_not_given_is_not_sent(delivrd, hub) -> None:
    hub.answer("POST", "/v1/messages", PENDING, status=202)
    delivrd("send", "+447700900123", "Hello")
    assert hub.asked[0].body == {"to": "+447700900123", "text": "Hello"}


def test_send_reads_the_text_from_standard_input(delivrd, hub, monkeypatch) -> None:
    hub.answer("POST", "/v1/messages", PENDING, status=202)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("zwei\nGrüße\n".encode())))
    delivrd("send", "+447700900123", "-")
    assert hub.asked[0].body["text"] == "zwei\nGrüße"


def test_a_piped_text_of_another_encoding_is_told_and_not_sent(delivrd, hub, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("Grüße".encode("latin-1"))))
    ran = delivrd("send", "+447700900123", "-")
    assert ran.code == 2
    assert "UTF-8" in ran.err
    assert hub.asked == []


@pytest.mark.parametrize(("end", "code"), [(DELIVERED, 0), (FAILED, 1)])
def test_send_with_wait_ends_with_the_final_status(delivrd, hub, end, code) -> None:
    hub.answer("POST", "/v1/messages", PENDING, status=202)
    hub.answer("GET", f"/v1/messages/{ID}/wait", PENDING, end)
    ran = delivrd("send", "+447700900123", "Hello", "--wait", "50", "--json")
    assert (ran.code, ran.json["status"]) == (code, end["status"])
    assert float(hub.asked[1].query["timeout"]) <= 50


def test_send_that_waits_in_vain_fails_and_says_where_to_look(delivrd, hub) -> None:
    hub.answer("POST", "/v1/messages", PENDING, status=202)
    hub.answer("GET", f"/v1/messages/{ID}/wait", PENDING)
    ran = delivrd("send", "+447700900123", "Hello", "--wait", "0.05")
    assert ran.code == 1
    assert f"delivrd messages show {ID}" in ran.err


def test_a_refusal_is_shown_with_its_hint(delivrd, hub) -> None:
    problem = {"title": "Not a number", "detail": "'12' is too short", "hint": "write +44…"}
    hub.answer("POST", "/v1/messages", problem, status=422)
    ran = delivrd("send", "12", "Hello")
    assert ran.code == 2
    assert ran.err == "error: Not a number\n  why: '12' is too short\n  next: write +44…\n"
    assert ran.out == ""


def hinted_routes() -> set[str]:
    """The routes that the hub's own words tell people to look at, which are no docstrings."""
    package = Path(client.__file__).parents[1]
    found: set[str] = set()
    for module in package.rglob("*.py"):
        if "simulator" in module.parts:  # whose routes are those of gateways
            continue
        tree = ast.parse(module.read_text("utf-8"))
        docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) and id(node) not in docs else None
            found.update(re.findall(r"GET /v1/[a-z/]*[a-z]", text if isinstance(text, str) else ""))
    return found


@pytest.mark.parametrize("route", sorted(hinted_routes()))
def test_a_hint_names_a_command_and_no_route(delivrd, hub, route: str) -> None:
    hint = f"{route} lists them all."
    hub.answer("GET", f"/v1/messages/{ID}", {"title": "no", "hint": hint}, status=404)
    told = delivrd("messages", "show", ID).err
    assert route not in told
    (command,) = re.findall(r"`delivrd (.*?)`", told)
    assert delivrd(*command.split(), "--help").code == 0


def test_a_hint_at_one_message_names_the_command_that_shows_it(delivrd, hub) -> None:
    hint = f"See GET /v1/messages/{ID}; give its ids."
    hub.answer("GET", "/v1/messages/1", {"title": "no", "hint": hint}, status=409)
    assert (
        f"See `delivrd messages show {ID}`; give its ids." in delivrd("messages", "show", "1").err
    )


def test_no_hub_is_exit_3_with_the_command_that_starts_one(delivrd, monkeypatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("DELIVRD_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        monkeypatch.setenv("DELIVRD_KEY", KEY)
        ran = delivrd("messages", "list")
    assert ran.code == 3
    assert "delivrd serve" in ran.err


def test_a_hub_that_breaks_off_is_exit_3_and_nothing_is_claimed(delivrd, monkeypatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def break_off() -> None:
            connection, _ = server.accept()
            connection.recv(65536)
            connection.close()

        thread = threading.Thread(target=break_off)
        thread.start()
        monkeypatch.setenv("DELIVRD_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("DELIVRD_KEY", KEY)
        ran = delivrd("send", "+447700900123", "Hello")
        thread.join()
    assert ran.code == 3
    assert "may be done or not" in ran.err


def test_without_a_key_nothing_is_asked(delivrd, hub, monkeypatch) -> None:
    monkeypatch.delenv("DELIVRD_KEY")
    ran = delivrd("messages", "list")
    assert ran.code == 2
    assert "DELIVRD_KEY" in ran.err
    assert hub.asked == []


def test_the_admin_key_of_the_settings_serves(delivrd, hub, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DELIVRD_KEY")
    (tmp_path / "delivrd.toml").write_text(f'admin_key = "{KEY}"')
    hub.answer("GET", "/v1/messages", {"items": [], "next_cursor": None})
    assert delivrd("messages", "list").code == 0
    assert hub.asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_something_else_at_the_address_is_told(delivrd, hub) -> None:
    hub.answer("GET", "/v1/messages", b"<html>")
    ran = delivrd("messages", "list")
    assert ran.code == 1
    assert "DELIVRD_URL" in ran.err


@pytest.mark.parametrize(
    "url", ["localhost:8025", "ftp://x", "http://", "http://[", "http://x:99999", "http://x/é"]
)
def test_an_invalid_address_is_wrong_usage(url: str) -> None:
    with pytest.raises(Failure) as raised:
        Hub(url, KEY)
    assert raised.value.code == 2


@pytest.mark.parametrize("key", ["two\nlines", "with blank", "é"])
def test_a_key_that_no_header_can_carry_is_wrong_usage(delivrd, hub, monkeypatch, key: str) -> None:
    monkeypatch.setenv("DELIVRD_KEY", key)
    ran = delivrd("messages", "list")
    assert ran.code == 2
    assert key not in ran.err
    assert hub.asked == []


@pytest.mark.parametrize("url", ["localhost:3000", "http://[", "http://x:99999/", "http://x/é"])
def test_what_cannot_be_forwarded_to_is_wrong_usage(delivrd, hub, url: str) -> None:
    ran = delivrd("listen", "--forward-to", url)
    assert ran.code == 2
    assert "http://localhost:3000" in ran.err


def test_an_id_that_is_no_text_is_only_not_found(delivrd, hub) -> None:
    ran = delivrd("requests", "replay", "4\udcff")
    assert ran.code == 1
    assert hub.asked[0].path == "/v1/requests/4%3F/replay"


def test_list_follows_the_cursor_up_to_the_limit(delivrd, hub) -> None:
    first = {"items": [{**PENDING, "id": str(n)} for n in range(2)], "next_cursor": "c1"}
    second = {"items": [{**PENDING, "id": str(n)} for n in range(2, 4)], "next_cursor": "c2"}
    hub.answer("GET", "/v1/messages", first, second)
    told = delivrd("messages", "list", "--limit", "3", "--json").json
    assert [message["id"] for message in told] == ["0", "1", "2"]
    assert [asked.query.get("cursor") for asked in hub.asked] == [None, "c1"]


def test_list_passes_the_filters_on(delivrd, hub) -> None:
    hub.answer("GET", "/v1/messages", {"items": [], "next_cursor": None})
    delivrd(
        *("messages", "list", "--status", "expired", "--account", "main", "--country", "GB"),
        *("--to", "+44", "--from", "Acme", "--reference", "r", "--provider-message-id", "p"),
        *("--since", "2026-11-01", "--until", "2026-11-02T01:00:00+01:00", "--limit", "7"),
    )
    assert hub.asked[0].query == {
        **{"status": "expired", "account": "main", "country": "GB", "to": "+44", "from": "Acme"},
        **{"reference": "r", "provider_message_id": "p", "limit": "7"},
        **{"since": "2026-11-01T00:00:00Z", "until": "2026-11-02T00:00:00Z"},
    }


def test_a_table_in_a_pipe_is_tab_separated_and_whole(delivrd, hub) -> None:
    nasty = {**FAILED, "reference": "a\tb\n\x1b[31mc"}
    hub.answer("GET", "/v1/messages", {"items": [nasty], "next_cursor": None})
    lines = delivrd("messages", "list").out.splitlines()
    assert lines[0].split("\t") == [
        *("created", "status", "to", "from", "account", "error", "reference", "id"),
    ]
    assert lines[1].split("\t") == [
        *("2026-11-21T20:00:00Z", "undelivered", "+447700900123", "Acme", "main"),
        *("unreachable (2)", "a b  [31mc", ID),
    ]
    assert len(lines) == 2


@pytest.mark.parametrize("text", ["yesterday", "12x", "", "2026-13-01"])
def test_an_invalid_time_is_wrong_usage(text: str) -> None:
    with pytest.raises(Failure) as raised:
        filters.moment(text, "--since")
    assert raised.value.code == 2


def test_show_begins_with_what_became_of_it_and_ends_with_the_timeline(delivrd, hub) -> None:
    hub.answer("GET", f"/v1/messages/{ID}", FAILED)
    lines = delivrd("messages", "show", ID).out.splitlines()
    assert lines[0] == (
        "Undelivered: The phone was off or out of coverage (the gateway's code 2, temporary), "
        "final after 1 receipt in 41s."
    )
    assert lines[-3:] == [
        "2026-11-21 20:00:00           created",
        "2026-11-21 20:00:01      +1s  handed to main: accepted",
        '2026-11-21 20:00:42     +41s  main says undelivered ("failed") 2 times id 0A1',
    ]


@pytest.mark.parametrize(
    ("message", "attempt", "first", "last"),
    [
        (
            {"status": "pending", "final": False},
            {"state": "unsure", "sent_at": "2026-11-21T20:00:01Z", "detail": "the gateway hung up"},
            "Pending: it is not certain that main accepted it, not final; 0 receipts so far.",
            "handed to main: unsure (the gateway hung up)",
        ),
        (
            {"status": "pending", "final": False},
            {"state": "queued", "tries": 3, "detail": "HTTP 429", "due_at": "2026-11-21T20:01:00Z"},
            "Pending: not handed over after 3 tries (HTTP 429), not final; 0 receipts so far.",
            "to be handed to main",
        ),
        (
            {"status": "expired", "final": True, "finished_at": "2026-11-21T20:01:00Z"},
            {"state": "queued", "timeout_at": "2026-11-21T20:01:00Z", "detail": "HTTP 429"},
            "Expired: it was not handed over before its deadline, final after 0 receipts in 1m.",
            "time-out of main: not handed over before its deadline (HTTP 429)",
        ),
        (
            {"status": "pending", "final": False, "withdrawn": True},
            {"state": "accepted", "sent_at": "2026-11-21T20:00:01Z"},
            "Withdrawn, not final: no receipt refers to it any more.",
            "handed to main: accepted",
        ),
        (
            {"status": "unknown", "final": True, "finished_at": "2026-11-21T20:01:00Z"},
            {"state": "accepted", "timeout_at": "2026-11-21T20:01:00Z", "error": {"code": "1"}},
            "Unknown, final after 0 receipts in 1m.",
            "time-out of main: no final receipt came in time",
        ),
    ],
    ids=["unsure", "not yet handed over", "never handed over", "withdrawn", "no receipt"],
)
def test_show_says_what_became_of_the_hand_over(delivrd, hub, message, attempt, first, last):
    sent = {"id": ID, "created_at": "2026-11-21T20:00:00Z", "receipts": []}
    hub.answer(
        "GET",
        f"/v1/messages/{ID}",
        {**sent, **message, "attempts": [{"account": "main", **attempt}]},
    )
    lines = delivrd("messages", "show", ID).out.splitlines()
    assert lines[0] == first
    assert lines[-1].endswith(last)


def test_a_filter_that_the_hub_does_not_know_is_wrong_usage(delivrd, hub) -> None:
    hub.answer("GET", "/v1/messages", {"title": "no", "detail": "status: 'x'"}, status=422)
    ran = delivrd("messages", "list", "--status", "x")
    assert (ran.code, ran.out) == (2, "")


def test_show_of_a_strange_id_asks_for_that_id_only(delivrd, hub) -> None:
    ran = delivrd("messages", "show", "../keys?x=1")
    assert ran.code == 1
    assert "not there" in ran.err
    assert hub.asked[0].path == "/v1/messages/..%2Fkeys%3Fx%3D1"


def test_export_writes_csv_that_no_spreadsheet_takes_for_formulas(delivrd, hub, tmp_path) -> None:
    evil = {**FAILED, "reference": "=cmd()", "text_preview": "a,b\n"}
    pages = [{"items": [evil], "next_cursor": "c"}, {"items": [DELIVERED], "next_cursor": None}]
    hub.answer("GET", "/v1/messages", *pages)
    ran = delivrd("messages", "export", "--output", "out.csv")
    assert "2 messages" in ran.err
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["undelivered", "delivered"]
    assert rows[0]["reference"] == "'=cmd()"
    assert rows[0]["to"] == "+447700900123"
    assert rows[0]["price.amount"] == "0.0057"
    assert rows[0]["text_preview"] == "a,b\n"


@pytest.mark.parametrize("how", [("--format", "ndjson"), ("--json",)])
def test_export_writes_whole_messages_as_ndjson(delivrd, hub, how) -> None:
    hub.answer("GET", "/v1/messages", {"items": [FAILED, DELIVERED], "next_cursor": None})
    ran = delivrd("messages", "export", *how)
    assert [json.loads(line) for line in ran.out.splitlines()] == [FAILED, DELIVERED]


def test_an_export_that_fails_leaves_the_last_one_as_it_was(delivrd, hub, tmp_path) -> None:
    (tmp_path / "out.csv").write_text("yesterday's")
    hub.answer("GET", "/v1/messages", {"title": "Forbidden"}, status=403)
    assert delivrd("messages", "export", "--output", "out.csv").code == 1
    assert (tmp_path / "out.csv").read_text() == "yesterday's"


def receipt(number: int) -> dict[str, object]:
    return {
        "id": str(number),
        "account": "main",
        "status": "delivered",
        "to": "+447700900123",
        "provider_status": "DELIVRD",
        "provider_message_id": f"p{number}",
        "received_at": f"2026-11-21T20:00:{number:02}Z",
    }


def page(*numbers: int, cursor: str | None = None) -> dict[str, object]:
    return {"items": [receipt(number) for number in numbers], "next_cursor": cursor}


def test_tail_prints_the_last_and_then_each_new_receipt_once(delivrd, hub) -> None:
    hub.answer("GET", "/v1/receipts", page(3, 2, 1), page(4, 3, 2), page(6, 5, 4, 3))
    ran = delivrd(
        *("receipts", "tail", "--last", "2", "--limit", "5", "--interval", "0.1", "--json")
    )
    assert [json.loads(line)["id"] for line in ran.out.splitlines()] == ["2", "3", "4", "5", "6"]


def test_tail_says_on_a_terminal_that_it_waits_for_the_first(delivrd, hub, monkeypatch) -> None:
    hub.answer("GET", "/v1/receipts", page(), page(1))
    tail = ("receipts", "tail", "--interval", "0.1", "--limit", "1")
    assert delivrd(*tail).err == ""
    hub.answer("GET", "/v1/receipts", page(), page(1))
    monkeypatch.setattr(receipts, "on_terminal", lambda: True)
    assert "`delivrd send`" in delivrd(*tail).err


def test_tail_fetches_page_after_page_when_many_came(delivrd, hub) -> None:
    hub.answer("GET", "/v1/receipts", page(1), page(5, 4, cursor="c"), page(3, 2, 1))
    ran = delivrd("receipts", "tail", "--limit", "5", "--interval", "0.1", "--json")
    assert [json.loads(line)["id"] for line in ran.out.splitlines()] == ["1", "2", "3", "4", "5"]


def test_a_receipt_on_a_terminal_is_one_line_with_a_masked_number(monkeypatch) -> None:
    monkeypatch.setattr(receipts, "on_terminal", lambda: True)
    line = receipts.line({**receipt(7), "received_at": "2026-11-21T12:03:04.120Z"})
    assert line.startswith("12:03:04.120  main ")
    assert "✓ delivered" in line
    assert "+44••••••0123" in line
    assert "447700900123" not in line


def test_a_receipt_without_a_message_is_listed_and_doctor_told_of(
    delivrd, hub, monkeypatch
) -> None:
    part = {
        **{"account": "main", "provider_message_id": "0A1", "status": "delivered"},
        **{"receipts": [{**receipt(1), "count": 2}], "first_seen": "2026-11-21T20:00:00Z"},
    }
    hub.answer("GET", "/v1/unmatched", {"items": [part], "next_cursor": None})
    titles, row = delivrd("receipts", "unmatched", "--account", "main").out.splitlines()
    assert dict(zip(titles.split("\t"), row.split("\t"), strict=True))["gateway's id"] == "0A1"
    assert hub.asked[0].query["account"] == "main"
    monkeypatch.setattr("delivrd.cli.output.on_terminal", lambda: True)
    assert "delivrd doctor" in delivrd("receipts", "unmatched").err


def test_an_unknown_word_is_listed_with_the_setting_that_gives_it_a_meaning(
    delivrd, hub, monkeypatch
) -> None:
    word = {
        **{"provider": "vonage", "accounts": ["main"], "provider_status": "frobnicated"},
        **{"error_code": None, "count": 3, "last_seen": "2026-11-21T20:00:00Z"},
        **{"sample": {"requests": ["7"]}},
    }
    hub.answer("GET", "/v1/unmapped", {"items": [word], "next_cursor": None})
    _, row = delivrd("receipts", "unmapped").out.splitlines()
    assert row.split("\t")[1:] == ["vonage", "main", "frobnicated", "", "3", "7"]
    monkeypatch.setattr("delivrd.cli.output.on_terminal", lambda: True)
    told = delivrd("receipts", "unmapped").err
    assert "[overrides.GATEWAY.words]" in told
    assert "delivrd requests replay" in told


def test_requests_are_listed_with_numbers_of_receipts(delivrd, hub) -> None:
    item = {"id": "7", "account": "main", "verdict": "sha256", "receipts": [1, 2], "faults": []}
    hub.answer("GET", "/v1/requests", {"items": [item], "next_cursor": None})
    lines = [line.split("\t") for line in delivrd("requests", "list").out.splitlines()]
    row = dict(zip(*lines, strict=True))
    assert (row["receipts"], row["faults"], row["id"]) == ("2", "0", "7")


def test_a_request_is_shown_without_steering_the_terminal(delivrd, hub) -> None:
    item = {"id": "7", "headers": [["x-a", "b\x1b[2J"]], "body": "one\ntwo\x07", "receipts": [{}]}
    hub.answer("GET", "/v1/requests/7", item)
    out = delivrd("requests", "show", "7").out
    assert "x-a: b" in out
    assert "one\ntwo" in out
    assert "\x1b" not in out
    assert "\x07" not in out


def test_replay_says_how_and_goes_on_after_a_refusal(delivrd, hub, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("8\n9\n"))
    hub.answer("POST", "/v1/requests/7/replay", {"changed": True})
    hub.answer("POST", "/v1/requests/9/replay", {"changed": False})
    ran = delivrd("requests", "replay", "7", "-", "--dry-run", "--json")
    assert ran.code == 1
    assert ran.json == [{"changed": True}, {"changed": False}]
    assert "8: not there" in ran.err
    assert hub.asked[0].body == {"dry_run": True, "force": False, "admit": False}


@pytest.mark.parametrize(
    ("answer", "lines"),
    [
        ({"changed": False}, ["7: no difference"]),
        ({"admitted": True, "request_id": "8"}, ["7: accepted, as 8"]),
        (
            {
                "changed": True,
                "applied": False,
                "before": [{"provider_message_id": "A", "status": "unknown"}],
                "after": [
                    {"provider_message_id": "A", "status": "delivered"},
                    {"provider_message_id": None, "status": "pending"},
                ],
                "messages": [{"message_id": ID, "before": "pending", "after": "delivered"}],
            },
            [
                "7: would change",
                "  receipt A: unknown → delivered",
                "  receipt without an id: not read → pending",
                f"  message {ID}: pending → delivered",
            ],
        ),
        (
            {
                "changed": True,
                "applied": True,
                "before": [
                    {"provider_message_id": "A", "status": "unknown"},
                    {"provider_message_id": "A", "status": "delivered"},
                ],
                "after": [
                    {"provider_message_id": "A", "status": "pending"},
                    {"provider_message_id": "A", "status": "delivered"},
                ],
            },
            ["7: read again and corrected", "  receipt A: unknown → pending"],
        ),
        (
            {"changed": True, "applied": True, "before": [], "after": []},
            ["7: read again and corrected", "  the statuses stay; other fields differ"],
        ),
        (
            {
                "changed": True,
                "why_not": "today's adapter cannot read it",
                "before": [{"provider_message_id": "A", "status": "delivered"}],
            },
            [
                "7: not applied: today's adapter cannot read it; --force applies it",
                "  receipt A: delivered → not read",
            ],
        ),
    ],
)
def test_replay_tells_the_difference_in_words(delivrd, hub, answer, lines) -> None:
    hub.answer("POST", "/v1/requests/7/replay", answer)
    ran = delivrd("requests", "replay", "7")
    assert (ran.out.splitlines(), ran.code) == (lines, 1 if "why_not" in answer else 0)


@pytest.mark.parametrize(
    ("command", "path"),
    [
        (("messages", "list"), "/v1/messages"),
        (("receipts", "unmatched"), "/v1/unmatched"),
        (("receipts", "unmapped"), "/v1/unmapped"),
        (("requests", "list"), "/v1/requests"),
        (("endpoints", "list"), "/v1/endpoints"),
        (("deliveries", "list"), "/v1/deliveries"),
        (("keys", "list"), "/v1/keys"),
        (("alerts", "firings"), "/v1/alerts/firings"),
    ],
)
def test_an_empty_list_says_on_a_terminal_what_to_do_next(
    delivrd, hub, monkeypatch, command, path
) -> None:
    hub.answer("GET", path, {"items": [], "next_cursor": None})
    assert delivrd(*command).err == ""
    monkeypatch.setattr("delivrd.cli.output.on_terminal", lambda: True)
    assert delivrd(*command).err.startswith("No ")


@pytest.mark.parametrize(("simulated", "last"), [(False, " unverified"), (True, " id 0A1")])
def test_show_marks_a_receipt_whose_origin_nothing_proves(delivrd, hub, simulated, last) -> None:
    (told,) = FAILED["receipts"]
    marks = {"unverified": True, "simulated": simulated}
    hub.answer("GET", f"/v1/messages/{ID}", {**FAILED, "receipts": [{**told, **marks}]})
    assert delivrd("messages", "show", ID).out.rstrip().endswith(last)


def test_what_a_simulator_is_behind_is_marked(delivrd, hub, tmp_path) -> None:
    sent = {**DELIVERED, "simulated": True}
    hub.answer("GET", "/v1/messages", {"items": [sent], "next_cursor": None})
    assert "\tmain (simulated)\t" in delivrd("messages", "list").out
    assert delivrd("messages", "export").out.splitlines()[1].endswith(",True")
    hub.answer("GET", f"/v1/messages/{ID}", sent)
    assert "simulated\tno handset received it\n" in delivrd("messages", "show", ID).out
    call = {"id": "7", "account": "main", "simulated": True}
    hub.answer("GET", "/v1/requests", {"items": [call], "next_cursor": None})
    assert "\tmain (simulated)\t" in delivrd("requests", "list").out
    hub.answer("GET", "/v1/receipts", {"items": [{**receipt(1), "simulated": True}]})
    assert "\tmain (simulated)\t" in delivrd("receipts", "tail", "--limit", "1").out
    told = {"id": "dlv_1", "type": "message.delivered", "simulated": True}
    hub.answer("GET", "/v1/deliveries", {"items": [told], "next_cursor": None})
    assert "\tmessage.delivered (simulated)\t" in delivrd("deliveries", "list").out


def test_keys_create_prints_the_key_once_and_alone(delivrd, hub) -> None:
    hub.answer("POST", "/v1/keys", {"key": "dlv_abc", "id": "1"}, status=201)
    ran = delivrd("keys", "create", "shop", "--scope", "send", "--scope", "read")
    assert (ran.code, ran.out) == (0, "dlv_abc\n")
    assert hub.asked[0].body == {"name": "shop", "scopes": ["send", "read"]}
    assert delivrd("keys", "create", "x", "--scope", "admin", "--json").json["key"] == "dlv_abc"


def test_an_unknown_scope_is_wrong_usage(delivrd, hub) -> None:
    assert delivrd("keys", "create", "shop", "--scope", "root").code == 2
    assert hub.asked == []


def test_keys_are_listed_and_revoked(delivrd, hub) -> None:
    item = {"id": "1", "name": "shop", "scopes": ["send", "read"], "created_at": "2026-11-21"}
    hub.answer("GET", "/v1/keys", {"items": [item], "next_cursor": None})
    hub.answer("DELETE", "/v1/keys/1", b"", status=204)
    assert "shop\tsend, read\t2026-11-21" in delivrd("keys", "list").out
    assert delivrd("keys", "revoke", "1").code == 0
    assert hub.asked[-1].method == "DELETE"

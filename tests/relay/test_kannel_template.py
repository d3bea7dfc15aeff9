"""A ``dlr-url`` as Kannel's users write it, filled in as Kannel fills it in."""

from contextlib import suppress
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivrd.providers import kannel as adapter
from delivrd.relay.formats import Unfit
from tests.relay.relay_events import MESSAGE, called, event, names, target

BASE = "https://app.example/dlr"
PLUS = event("delivered", reference="a&b=c%d", metadata={"team": "no 7", "n": 3, "on": True})


def filled(template, told=PLUS):
    return called(told, target("kannel", template)).url


def said(template, told=PLUS):
    return dict(parse_qsl(urlsplit(filled(template, told)).query, keep_blank_values=True))


@pytest.mark.parametrize(
    ("escape", "value"),
    [
        ("%d", "1"),
        ("%F", MESSAGE),
        ("%I", MESSAGE),
        ("%p", "447700900123"),
        ("%P", "Acme"),
        ("%q", "+447700900123"),
        ("%t", "2026-11-21 20:50:07"),
        ("%T", "1795294207"),
        ("%i", "main"),
        ("%#delivrd#reference#", "a&b=c%d"),
        ("%#delivrd#nothing#", ""),
        ("%#metadata#team#", "no 7"),
        ("%#metadata#n#", "3"),
        ("%#metadata#on#", "true"),
        ("%#smpp#dlr_err#", ""),
        ("%n", ""),
        ("%x", "%x"),
        ("%%41", "A"),
        ("%20", " "),
        ("a%%25b", "a%b"),
        ("%d%d", "11"),
    ],
)
def test_what_an_escape_stands_for(escape, value):
    assert said(f"{BASE}?d=%d&x={escape}&y=2") == {"d": "1", "x": value, "y": "2"}


@pytest.mark.parametrize(
    ("told", "kind", "reply"),
    [
        (event("pending"), "8", "ACK/"),
        (
            event("delivered"),
            "1",
            f"id:{MESSAGE} sub:001 dlvrd:001 submit date:2611212049 done date:2611212050"
            " stat:DELIVRD err:000 text:",
        ),
        (
            event("undelivered", reason="deleted", error_code="027"),
            "2",
            f"id:{MESSAGE} sub:001 dlvrd:000 submit date:2611212049 done date:2611212050"
            " stat:DELETED err:027 text:",
        ),
        (event("rejected", reason="unknown_number"), "16", "NACK/0x0000000b/unknown number"),
        (
            event("rejected", reason="other", provider="kannel", error_code="0x00000400"),
            "16",
            "NACK/0x00000400/other",
        ),
        (event("rejected", reason="throttled", error_code="1"), "16", "NACK/0x00000058/throttled"),
    ],
)
def test_the_reply_is_a_message_centre_s(told, kind, reply):
    assert said(BASE + "?d=%d&A=%A", told) == {"d": kind, "A": reply}


def test_a_code_that_would_not_pass_for_one_word_is_left_out_of_the_reply():
    told = event("undelivered", reason="other", error_code="bad luck stat:DELIVRD")
    assert "stat:UNDELIV err:000" in said(BASE + "?A=%A", told)["A"]


def test_escapes_in_the_path_are_filled_in():
    assert filled(BASE + "/%d/%F") == f"{BASE}/1/{MESSAGE}"


@given(names, names)
def test_no_value_breaks_out_of_its_place(sender, reference):
    told = event("delivered", reference=reference, **{"from": sender})
    url = filled(BASE + "/%P?d=%d&r=%#delivrd#reference#&z=1", told)
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}" == "https://app.example"
    assert parts.path.count("/") == 2
    assert dict(parse_qsl(parts.query)) == {"d": "1", "r": reference, "z": "1"}


def test_the_host_is_never_filled_in():
    assert filled("https://%d.example/?d=%d") == "https://%d.example/?d=1"


def test_the_adapter_s_own_escapes_are_read_back():
    request = dict(parse_qsl(urlsplit(filled(f"{BASE}?{adapter.ESCAPES}")).query))
    assert set(request) == set("dAFpPT")


@pytest.mark.parametrize("template", [BASE, BASE + "?id=%F", BASE + "?d=%%d", BASE + "?d=%D"])
def test_a_template_that_says_no_status_is_unfit(template):
    with pytest.raises(Unfit, match="says no status"):
        filled(template)


def test_without_the_reply_there_is_no_word_for_unknown():
    with pytest.raises(Unfit, match="no word for unknown"):
        filled(BASE + "?d=%d", event("unknown"))
    assert said(BASE + "?d=%d&A=%A", event("unknown"))["d"] == "2"


def test_the_template_may_stand_beside_the_url():
    to = target("kannel", BASE, template="HTTPS://app.example/other?d=%d")
    assert called(PLUS, to).url == "https://app.example/other?d=1"


@pytest.mark.parametrize(
    "template", ["https://evil.example/?d=%d", "http://app.example/?d=%d", "//app.example/?d=%d",
                 "https://app.example:8443/?d=%d", "https://app.example@evil.example/?d=%d"]
)  # fmt: skip
def test_the_template_calls_no_other_host(template):
    with pytest.raises(Unfit, match="template"):
        called(PLUS, target("kannel", BASE, template=template))


@given(st.text(st.characters(codec="utf-8")))
def test_no_template_makes_it_fail_otherwise(rest):
    with suppress(Unfit):
        assert filled(BASE + "?" + rest).startswith(BASE)

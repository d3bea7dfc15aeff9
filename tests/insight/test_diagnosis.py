"""What is likely wrong, in words."""

from typing import Any

import pytest

from delivrd.core.units import HOUR, MINUTE, SECOND
from delivrd.insight.diagnosis import Figures, Finding, diagnose
from delivrd.insight.network_reports import Silence, in_words
from delivrd.insight.silent_networks import SilentNetwork
from delivrd.store.queries import diagnosis as queries
from delivrd.store.queries.diagnosis import NEWEST, Calls, Strays
from tests.intake.test_ring import refusal
from tests.support import run
from tests.web.web_support import web

NOW = 1_760_000_000_000_000
OPEN = ("main", "GB", "pending", 50)
WELL = ("other", "GB", "delivered", 50)


def about(name: str, **fields: Any) -> list[Finding]:
    return [one for one in diagnose(Figures(**fields), NOW) if one.name == name]


def test_nothing_sent_is_nothing_wrong() -> None:
    assert {one.state for one in diagnose(Figures(), NOW)} == {"ok"}
    assert about("reporting")[0].what == "no messages of the last day are old enough to tell"
    assert about("reporting", traffic=(WELL,))[0].what == "receipts come in for all accounts"


@pytest.mark.parametrize(
    ("without", "ended", "state"), [(8, 2, "bad"), (7, 3, "warning"), (9, 0, "ok"), (10, 0, "bad")]
)
def test_an_account_is_silent_if_four_in_five_of_ten_or_more_messages_have_no_end(
    without: int, ended: int, state: str
) -> None:
    traffic = (("main", "GB", "pending", without), ("main", "GB", "delivered", ended))
    assert [one.state for one in about("reporting", traffic=traffic)] == [state]


def test_findings_come_by_account() -> None:
    traffic = tuple((name, "GB", "pending", 50) for name in ("b", "c", "a"))
    assert [one.account for one in about("reporting", traffic=traffic)] == ["a", "b", "c"]


def test_one_silent_gateway_beside_others_that_report_is_not_told_our_address() -> None:
    (found,) = about("reporting", traffic=(OPEN, WELL), calls={"other": Calls(NOW - MINUTE)})
    assert (found.state, found.account) == ("bad", "main")
    assert "its webhook received no calls, while calls of other come in" in found.what
    assert "/webhooks/main" in found.next


def test_an_account_that_sends_nothing_shows_by_its_calls_that_the_hub_is_reached() -> None:
    (found,) = about("reporting", traffic=(OPEN,), calls={"inbox": Calls(NOW - MINUTE)})
    assert "while calls of inbox come in: the hub is reachable" in found.what


def test_refused_calls_of_other_accounts_have_reached_the_hub() -> None:
    refused = Calls(None, 40, NOW - 5 * MINUTE, "the signature does not match")
    (found,) = about("reporting", traffic=(OPEN,), calls={"other": refused})
    assert "while calls of other came and were refused: the hub is reachable" in found.what
    assert "/webhooks/main" in found.next


def test_calls_for_an_account_that_does_not_exist_are_told_with_their_path() -> None:
    strays = Strays(3, NOW - 5 * MINUTE, "/webhooks/mian")
    (found,) = about("reporting", traffic=(OPEN,), strays=strays)
    assert "3 calls came for no account (the last 5 min ago: /webhooks/mian)" in found.what
    assert "/webhooks/main" in found.next


def test_of_many_accounts_that_call_a_few_are_named_and_the_others_counted() -> None:
    calls = {name: Calls(NOW) for name in "gfedcba"}
    (found,) = about("reporting", traffic=(OPEN,), calls=calls)
    assert "while calls of a, b, c, d, e and 2 more come in" in found.what


def test_no_call_among_the_newest_is_not_said_to_be_no_call_in_a_day() -> None:
    calls = {"other": Calls(NOW - MINUTE, accepted=NEWEST)}
    (found,) = about("reporting", traffic=(OPEN,), calls=calls)
    assert f"its webhook received none of the newest {NEWEST} calls" in found.what


def test_when_no_gateway_calls_the_hub_is_not_reached() -> None:
    (found,) = about("reporting", traffic=(OPEN,))
    assert "not reachable from outside" in found.what
    assert "public_url" in found.next


def test_refused_calls_are_the_cause_before_any_other() -> None:
    calls = Calls(None, 40, NOW - 5 * MINUTE, "the signature does not match")
    (found,) = about("reporting", traffic=(OPEN, WELL), calls={"main": calls})
    assert "40 of its calls were refused, the last 5 min ago (the signature" in found.what


def test_a_secret_that_was_changed_is_the_cause_though_earlier_calls_were_accepted() -> None:
    calls = Calls(NOW - 3 * HOUR, 40, NOW - 5 * MINUTE, "the signature does not match")
    (found,) = about("reporting", traffic=(OPEN,), calls={"main": calls})
    assert "40 of its calls were refused, the last 5 min ago" in found.what
    assert "the last was accepted 3 h ago" in found.what
    assert "replay --admit" in found.next


def test_what_was_refused_before_calls_were_accepted_is_not_the_cause() -> None:
    calls = Calls(NOW - MINUTE, 40, NOW - 3 * HOUR, "the signature does not match")
    (found,) = about("reporting", traffic=(OPEN,), calls={"main": calls})
    assert "although its calls come in" in found.what


def test_calls_that_come_and_end_nothing_are_about_other_messages() -> None:
    (found,) = about("reporting", traffic=(OPEN,), calls={"main": Calls(NOW - MINUTE)})
    assert "though its calls come in (the last 60 s ago)" in found.what


def test_a_country_whose_carriers_report_nothing_is_named() -> None:
    traffic = (("main", "GB", "delivered", 500), ("main", "ET", "pending", 40))
    (found,) = about("reporting", traffic=traffic, calls={"main": Calls(NOW)})
    assert found.state == "warning"
    assert "no receipts from ET (40 of 40)" in found.what


def test_a_country_that_reports_a_little_is_not_told_to_report_nothing() -> None:
    traffic = (
        ("main", "GB", "delivered", 500), ("main", "ET", "pending", 36),
        ("main", "ET", "delivered", 4),
    )  # fmt: skip
    (found,) = about("reporting", traffic=traffic, calls={"main": Calls(NOW)})
    assert "hardly any receipts from ET (36 of 40)" in found.what


def test_of_many_silent_countries_the_largest_are_named_and_the_others_counted() -> None:
    silent = [("main", name, "pending", n) for n, name in enumerate("ABCDEFG", 40)]
    traffic = (("main", "GB", "delivered", 500), *silent)
    (found,) = about("reporting", traffic=traffic, calls={"main": Calls(NOW)})
    assert (
        "no receipts from G (46 of 46), F (45 of 45), E (44 of 44), D (43 of 43), C (42 of 42) "
        "and 2 more, while" in found.what
    )


def test_messages_whose_time_ran_out_are_without_a_receipt_too() -> None:
    traffic = (
        ("main", "GB", "delivered", 500), ("main", "ET", "pending", 10),
        ("main", "ET", "unknown", 30), ("main", "ET", "rejected", 90),
    )  # fmt: skip
    (found, *_) = about("reporting", traffic=traffic, calls={"main": Calls(NOW)})
    assert "no receipts from ET (40 of 40)" in found.what


def test_an_account_whose_messages_are_refused_is_not_silent() -> None:
    (found,) = about("reporting", traffic=(("main", "GB", "rejected", 500),))
    assert found.state == "ok"


def test_rejections_are_told_by_sender_country_and_reason() -> None:
    rejected = (("Acme", "IN", "sender_not_allowed", 30), ("Shop", "GB", "blocked_by_carrier", 2))
    traffic = (("main", "IN", "rejected", 32), ("main", "GB", "delivered", 100))
    (found,) = about("rejected", traffic=traffic, rejected=rejected)
    assert found.state == "warning"
    assert "senders Acme (30), Shop (2); countries IN (30), GB (2)" in found.what


def test_what_is_not_known_of_rejections_is_said_so_and_the_most_frequent_come_first() -> None:
    rejected = (("", "", "", 20), *((f"Shop{n}", "GB", "", n) for n in (2, 3, 4)))
    (found,) = about("rejected", traffic=(("main", "GB", "rejected", 29),), rejected=rejected)
    assert found.what.endswith(
        "senders no sender (20), Shop4 (4), Shop3 (3); countries unknown country (20), GB (9); "
        "reasons no reason given (29)"
    )


def test_of_very_many_rejections_it_is_said_that_only_the_newest_were_looked_at() -> None:
    rejected = (("Acme", "IN", "sender_not_allowed", 900), ("Shop", "IN", "other", 100))
    for n, said in ((1001, "1001 of 1001 messages that ended were rejected; of the newest 1000: "),
                    (1000, "1000 of 1000 messages that ended were rejected: ")):  # fmt: skip
        traffic = (("main", "IN", "rejected", n),)
        (found,) = about("rejected", traffic=traffic, rejected=rejected)
        assert found.what.startswith(f"{said}senders Acme (900), Shop (100)")


def test_few_rejections_are_no_warning_though_all_messages_are_rejected() -> None:
    assert about("rejected", traffic=(("main", "IN", "rejected", 9),))[0].state == "ok"
    assert about("rejected", traffic=(("main", "IN", "rejected", 10),))[0].state == "warning"


def test_rejections_of_fewer_than_one_message_in_ten_are_no_warning() -> None:
    few = (("main", "IN", "rejected", 99), ("main", "IN", "delivered", 901))
    assert about("rejected", traffic=few)[0].what == "99 of 1000 messages that ended were rejected"
    assert about("rejected", traffic=few)[0].state == "ok"


def test_repeats_are_counted_by_account() -> None:
    (found,) = about("duplicates", repeated={"main": (100, 20), "other": (100, 0)})
    assert found.what.startswith("20 of 220 receipts were repeats, from main (20)")


def test_the_account_with_most_repeats_comes_first() -> None:
    (found,) = about("duplicates", repeated={"main": (100, 20), "other": (100, 30)})
    assert "from other (30), main (20); each receipt counts once" in found.what


def test_few_repeats_are_usual() -> None:
    assert about("duplicates", repeated={"main": (100, 2)})[0].state == "ok"
    assert about("duplicates", repeated={"main": (100, 5)})[0].state == "ok"
    assert about("duplicates", repeated={"main": (100, 6)})[0].state == "warning"


def test_the_hub_is_asked_for_its_diagnosis(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for i in range(12):
                for _ in range(2):
                    await hub.receipt("inbox", messageId=f"id-{i}", status="failed",
                                      **{"err-code": "8"})  # fmt: skip

            async def an_hour_ago(tx: Any) -> None:
                await tx.execute("UPDATE rollup SET bucket = bucket - 4")

            await hub.store.write(an_hour_ago)
            told = await hub.get("/v1/diagnosis")
            states = {one["name"]: one["state"] for one in told["findings"]}
            assert states["duplicates"] == "warning"
            assert states["reporting"] == "ok"

    run(test())


def test_rejections_of_the_last_minutes_are_told(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            nothing = {one["name"]: one for one in (await hub.get("/v1/diagnosis"))["findings"]}
            assert nothing["rejected"]["what"] == "no message of the last day has ended yet"
            for i in range(12):
                rejected = {"status": "rejected", "err-code": "11"}
                await hub.receipt("inbox", messageId=f"id-{i}", **rejected)
            told = {one["name"]: one for one in (await hub.get("/v1/diagnosis"))["findings"]}
            assert told["rejected"]["state"] == "warning"
            assert "12 of 12" in told["rejected"]["what"]

    run(test())


SILENT = SilentNetwork("23420", NOW // SECOND, 41, share=0.2, before=0.25, named=True)


def test_a_network_that_stopped_reporting_is_named_with_what_was_normal() -> None:
    traffic = (("main", "GB", "delivered", 160), ("main", "GB", "pending", 41))
    silences = (Silence("main", "GB", SILENT, never=False),)
    (found,) = about("reporting", traffic=traffic, silences=silences)
    assert (found.state, found.account) == ("warning", "main")
    assert found.what == (
        "main → GB: network 23420 has reported nothing since 08:53 UTC (41 messages, 20 % of those "
        "sent there); before, it sent 25 % of the receipts"
    )


def test_of_many_silent_networks_the_largest_are_named_and_the_others_counted() -> None:
    traffic = (("main", "GB", "delivered", 1600), ("main", "GB", "pending", 287))
    silences = tuple(
        Silence("main", "GB", SILENT._replace(network=f"2342{n}", messages=47 - n), never=False)
        for n in range(7)
    )
    *named, rest = about("reporting", traffic=traffic, silences=silences)
    assert len(named) == 5
    assert rest.what == "main: 2 more networks report nothing (83 messages)"


def test_a_share_of_nearly_all_messages_is_written_as_a_plain_number() -> None:
    assert "99.7 % of those sent there" in in_words(SILENT._replace(share=0.997))
    assert "it sent 100 % of the receipts" in in_words(SILENT._replace(before=0.9999))


def test_a_network_that_never_reported_is_said_to_be_so() -> None:
    traffic = (("main", "GB", "delivered", 160), ("main", "GB", "pending", 41))
    silences = (Silence("main", "GB", SILENT._replace(before=0.0), never=True),)
    (found,) = about("reporting", traffic=traffic, silences=silences)
    assert "never reports: nothing in 28 days" in found.what


def test_a_country_of_which_a_part_is_silent_is_told_where_no_network_is_known() -> None:
    traffic = (("main", "GB", "delivered", 160), ("main", "GB", "pending", 60))
    (found,) = about("reporting", traffic=traffic)
    assert "many messages to GB (60 of 220) have no known end" in found.what


def test_a_few_open_messages_do_not_show_that_a_part_of_a_country_is_silent() -> None:
    few = (("main", "GB", "delivered", 7), ("main", "GB", "pending", 3))
    many = tuple((*route, n * 10) for *route, n in few)
    assert about("reporting", traffic=few)[0].state == "ok"
    assert about("reporting", traffic=many)[0].state == "warning"


def test_a_country_of_which_hardly_anything_was_sent_is_not_remarked_on() -> None:
    traffic = (("main", "GB", "delivered", 160), ("main", "EE", "pending", 9))
    (found,) = about("reporting", traffic=traffic)
    assert found.state == "ok"


def test_some_phones_are_off_everywhere() -> None:
    traffic = (("main", "GB", "delivered", 160), ("main", "GB", "pending", 16))
    (found,) = about("reporting", traffic=traffic)
    assert found.state == "ok"


def test_of_refused_calls_the_last_one_tells_why(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            for why in ("the signature is too old", "the signature is missing"):
                hub.hub.ring.note(refusal(account="main", status=401, why=why))
            hub.hub.ring.note(refusal(account="inbox", status=413, why="too large"))
            await hub.hub.ring.flush()
            found = await hub.store.read(lambda tx: queries.calls(tx, hub.store.accounts, 0))
            assert found.keys() == {"main"}
            assert (found["main"].refused, found["main"].why) == (2, "the signature is missing")

    run(test())


def test_calls_for_accounts_that_do_not_exist_are_counted(database_url: str) -> None:
    async def test() -> None:
        async with web(database_url) as hub:
            assert await hub.store.read(lambda tx: queries.strays(tx, 0)) is None
            for name in ("mian", "mani"):
                answer = await hub.client.get(f"/webhooks/{name}/a-secret-of-an-account")
                assert answer.status_code == 404
            hub.hub.ring.note(refusal(account="main", status=401))
            await hub.hub.ring.flush()
            found = await hub.store.read(lambda tx: queries.strays(tx, 0))
            assert found is not None
            assert (found.n, found.path) == (2, "/webhooks/mani")

    run(test())

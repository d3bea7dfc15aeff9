"""`delivrd doctor` names each problem and what mends it."""

from functools import partial

import pytest

from delivrd.alert_settings import Alerts
from delivrd.cli.doctor import propose_format
from delivrd.cli.init import block
from delivrd.config import load
from delivrd.core.units import HOUR
from delivrd.insight.alerts.rules import in_force
from delivrd.keeping import sweep
from delivrd.providers import provider
from delivrd.store import alerts, endpoints, health
from delivrd.store.open import open_store
from tests.cli.served import serving, write_settings
from tests.filled import execute, opened, receipt, receive, send
from tests.support import run

LONG_AGO = HOUR

VONAGE = """
provider = "vonage"
api_key = "abcd1234"
api_secret = "an-api-secret-of-it"
webhook_secret = "a-webhook-secret"
"""
ACCOUNTS = f"""
[accounts.vonage]
{VONAGE}
[accounts.ruach]
provider = "ruach"
api_key = "an-api-key-of-ruach"
client_id = "client"
webhook_secret = "a-webhook-secret"
[accounts.smspm]
provider = "smspm"
hash = "a-hash-of-the-api"
token = "a-token-of-the-api"
webhook_secret = "a-webhook-secret"
"""


@pytest.fixture
def examined(tmp_path, database_url, delivrd, monkeypatch):
    """``examined(fill)``: doctor's checks by name after ``fill(store)`` ran."""
    monkeypatch.setattr(health, "SETTLING", -LONG_AGO)  # what came just now is looked at too
    path = write_settings(tmp_path, database_url, ACCOUNTS)

    def examine(fill):
        async def prepare():
            async with opened(database_url) as store:
                await fill(store)

        run(prepare())
        ran = delivrd("doctor", "--json", "--config", str(path))
        found = {}
        for check in ran.json["checks"]:
            found.setdefault(check["name"], []).append(check)
        assert ran.code == (0 if ran.json["ok"] else 1)
        return found

    return examine


async def _nothing(store):
    pass


def test_a_store_in_order_has_nothing_bad(examined):
    checks = examined(_nothing)
    states = {c["name"]: c["state"] for each in checks.values() for c in each}
    states.pop("durability")
    assert {name for name, state in states.items() if state == "bad"} == set()
    assert states["database"] == states["fold"] == states["clock"] == "ok"
    assert states["hub"] == "warning"
    assert checks["hub"][0]["mend"] == "delivrd serve"


def test_a_server_that_does_not_sync_is_bad(postgres, postgres_url, tmp_path, delivrd):
    assert postgres.sql("SHOW fsync")[0][0] == "off"  # as the tests' own server does
    path = write_settings(tmp_path, postgres_url)
    ran = delivrd("doctor", "--json", "--config", str(path))
    (check,) = [c for c in ran.json["checks"] if c["name"] == "durability"]
    assert (check["state"], check["what"]) == ("bad", "fsync = off")
    assert ran.code == 1


def test_each_accounts_last_call_is_told(examined):
    async def fill(store):
        await receive(store, receipt("a"), by="ruach")

    states = {c["what"].partition(":")[0]: c["state"] for c in examined(fill)["receipts"]}
    assert states == {"ruach": "ok", "vonage": "warning", "smspm": "warning"}


def test_what_the_last_day_says_of_a_simulated_account_is_marked(sqlite_url, tmp_path, delivrd):
    async def prepare():
        async with opened(sqlite_url, vonage={"simulated": True, "receive_only": True}) as store:
            await receive(store, *(receipt(f"{i}", "pending", final=False) for i in range(12)))
            await execute(store, "UPDATE rollup SET bucket = bucket - 4")

    run(prepare())
    ran = delivrd("doctor", "--json", "--config", str(write_settings(tmp_path, sqlite_url)))
    (check,) = [c for c in ran.json["checks"] if c["name"] == "reporting"]
    assert check["what"].startswith("vonage: 12 of 12 messages of the last day have no known end")
    assert check["what"].endswith(" (simulated)")


def test_ids_that_would_compare_in_another_format_are_proposed(examined):
    async def fill(store):
        await send(store, "00AB12")
        await send(store, "00CD34")
        await receive(store, receipt("00ab12"), receipt("00cd34"))

    (check,) = examined(fill)["unmatched"]
    assert check["state"] == "warning"
    assert "vonage: 2 receipts" in check["what"]
    assert "2 would fit by id_format hex or lower: ask the gateway which" in check["mend"]


def test_a_format_is_proposed_alone_only_where_no_other_fits_as_well():
    assert 'id_format = "hex" in [accounts.main]: 1' in propose_format("main", ["00AB"], ["ab"])
    assert 'id_format = "strip-zeros"' in propose_format("main", ["00xy"], ["xy"])
    assert 'id_format = "lower"' in propose_format("main", ["XY"], ["xy"])
    assert propose_format("main", ["AB"], ["ab"]).startswith("1 would fit by id_format hex or low")
    assert propose_format("main", ["x"], ["y"]) == ""


def test_a_shared_login_is_proposed(tmp_path, database_url, delivrd, monkeypatch):
    monkeypatch.setattr(health, "SETTLING", -LONG_AGO)
    more = f"{ACCOUNTS}[accounts.second]{VONAGE}"
    path = write_settings(tmp_path, database_url, more)

    async def fill():

        accounts = load(path, {}).accounts
        store = await open_store(
            database_url, {n: (provider(s.provider), s) for n, s in accounts.items()}
        )
        await send(store, "a", by="vonage")
        await receive(store, receipt("a"), by="second")
        await store.close()

    run(fill())
    checks = delivrd("doctor", "--json", "--config", str(path)).json["checks"]
    (check,) = [c for c in checks if c["name"] == "unmatched"]
    assert 'ids_with = "vonage" in [accounts.second]' in check["mend"]


def test_a_fold_that_stands_still_is_bad(examined):
    async def fill(store):
        await execute(
            store,
            "INSERT INTO to_fold (id, account_id, received_at, data) VALUES (1, 1, 5, $1)",
            b"",
        )

    (check,) = examined(fill)["fold"]
    assert check["state"] == "bad"
    assert "1 request waits" in check["what"]


def test_set_aside_unmapped_unreadable_and_refused_are_counted(examined):
    async def fill(store):
        now = store.ids.next
        await receive(store, receipt("a", unmapped=True))
        await execute(
            store,
            "INSERT INTO fault (id, request_id, position, why, set_aside) "
            "VALUES ($1, 1, 0, 'why', true)",
            now(),
        )
        await execute(
            store,
            "INSERT INTO request (id, account_id, received_at, method, path, auth, kind) "
            "VALUES ($1, 1, 1, 'GET', '/', 'none', 'unreadable')",
            now(),
        )
        await execute(
            store,
            "INSERT INTO ring (id, received_at, method, path, status, why) "
            "VALUES ($1, 1, 'GET', '/', 401, 'no signature')",
            now(),
        )

    checks = examined(fill)
    assert checks["set aside"][0]["state"] == "bad"
    for name in ("unmapped", "unreadable", "refused"):
        assert checks[name][0]["state"] == "warning", name
        assert checks[name][0]["what"].startswith("1 "), name
        assert checks[name][0]["mend"]


def test_calls_with_a_wrong_secret_in_their_path_are_refused_ones(examined):
    async def fill(store):
        for account in ("smspm", None):
            await execute(
                store,
                "INSERT INTO ring (id, received_at, account, method, path, status, why) "
                "VALUES ($1, 1, $2, 'POST', '/', 404, 'there is no such webhook')",
                store.ids.next(),
                account,
            )

    (check,) = examined(fill)["refused"]
    assert check["what"].startswith("1 webhook call refused")


def test_a_clock_that_was_set_back_is_bad(examined):
    async def fill(store):
        await execute(
            store,
            "INSERT INTO request (id, account_id, received_at, method, path, auth, kind) "
            "VALUES ($1, 1, 1, 'GET', '/', 'none', 'receipts')",
            store.ids.next() + (LONG_AGO << 12),
        )

    (check,) = examined(fill)["clock"]
    assert check["state"] == "bad"
    assert "3600 s apart" in check["what"]


def test_endpoints_that_are_not_told_are_named(examined):
    async def fill(store):
        async def job(tx):
            fields = {"url": "https://app.example.org/sms", "origin": "x"}
            off = await endpoints.create(tx, store.ids, 0, **fields)
            await endpoints.disable(tx, off.id, 0, "it answered 410 Gone")
            await endpoints.create(tx, store.ids, 0, **fields, failing_since=LONG_AGO)
            await endpoints.create(tx, store.ids, 0, **fields)

        await store.write(job)

    off, failing = examined(fill)["endpoints"]
    assert off["what"] == "app.example.org is disabled: it answered 410 Gone"
    assert off["mend"].startswith("delivrd endpoints enable ep_")
    assert failing["what"] == "app.example.org takes no call since 1970-01-01 01:00 UTC"
    assert (off["state"], failing["state"]) == ("warning", "warning")


def test_without_such_an_endpoint_all_is_well(examined):
    assert examined(_nothing)["endpoints"][0]["what"] == "none"


def test_low_disk_is_bad_and_says_that_bodies_go_first(sqlite_url, tmp_path, delivrd, monkeypatch):
    path = write_settings(tmp_path, sqlite_url)
    monkeypatch.setattr(sweep, "free_disk", lambda config: 1000)
    checks = delivrd("doctor", "--json", "--config", str(path)).json["checks"]
    (check,) = [c for c in checks if c["name"] == "disk"]
    assert check["state"] == "bad"
    assert "bodies of webhook calls that are older than an hour go first" in check["what"]
    assert "db prune" in check["mend"]


def test_an_account_that_anybody_could_call_is_reported(sqlite_url, tmp_path, delivrd):
    bare = '[accounts.bare]\nprovider = "ruach"\nreceive_only = true\n'
    path = write_settings(tmp_path, sqlite_url, bare)
    checks = delivrd("doctor", "--json", "--config", str(path)).json["checks"]
    assert any("bare: nothing proves" in c["what"] for c in checks if c["name"] == "accounts")
    public = write_settings(tmp_path, sqlite_url, 'public_url = "https://x.example"\n' + bare)
    ran = delivrd("doctor", "--json", "--config", str(public))
    assert ran.code == 1
    assert any(c["state"] == "bad" for c in ran.json["checks"] if c["name"] == "accounts")


def test_what_init_wrote_in_the_place_of_ones_own_is_found(sqlite_url, tmp_path, delivrd):
    _, *lines = block("twilio").splitlines()
    written = "\n".join(line.removeprefix("# ") for line in lines)
    path = write_settings(tmp_path, sqlite_url, written.replace("your-account-sid", "AC123"))
    checks = delivrd("doctor", "--json", "--config", str(path)).json["checks"]
    (found,) = [c for c in checks if c["name"] == "accounts"]
    assert found["state"] == "bad"
    assert "auth_token" in found["what"]
    assert "account_sid" not in found["what"]


def test_settings_that_cannot_be_used_are_the_finding(tmp_path, delivrd):
    (tmp_path / "delivrd.toml").write_text("prot = 1\n")
    ran = delivrd("doctor")
    assert ran.code == 1
    assert "✗ settings" in ran.out
    assert "port" in ran.out


def test_a_database_that_is_not_upgraded_names_the_command(examined):
    async def fill(store):
        await execute(store, "UPDATE alembic_version SET version_num = '0009_process_figures'")

    (check,) = examined(fill)["database"]
    assert (check["state"], check["mend"]) == ("bad", "delivrd db upgrade")


def test_the_running_hubs_own_connection_is_asked_how_durable_it_is(sqlite_url, tmp_path, delivrd):
    path = write_settings(tmp_path, sqlite_url)
    with serving(path):
        checks = delivrd("doctor", "--json", "--config", str(path)).json["checks"]
    by_name = {check["name"]: check for check in checks}
    assert by_name["hub"]["state"] == "ok"
    assert by_name["durability"]["what"] == "journal_mode = wal, synchronous = full"


def test_a_part_of_the_hub_that_is_down_is_told_by_name(examined, hub):
    hub.answer("GET", "/healthz", {"status": "ok"})
    why = "Parts of the hub failed and wait to be started again: fold (RuntimeError)."
    hub.answer("GET", "/readyz", {"title": "Service Unavailable", "detail": why}, status=503)
    (check,) = examined(_nothing)["hub"]
    assert check["state"] == "bad"
    assert why in check["what"]


def test_parts_that_were_started_again_are_a_warning(examined, hub):
    hub.answer("GET", "/healthz", {"status": "ok"})
    hub.answer("GET", "/readyz", {"status": "ready", "restarts": {"fold": 3}})
    (check,) = examined(_nothing)["hub"]
    assert check["state"] == "warning"
    assert "fold (3)" in check["what"]


def test_without_a_key_that_opens_it_is_enough_that_the_hub_answers(examined, hub):
    hub.answer("GET", "/healthz", {"status": "ok"})
    hub.answer("GET", "/readyz", {"title": "Unauthorized"}, status=401)
    assert examined(_nothing)["hub"][0]["state"] == "ok"


@pytest.mark.parametrize(
    ("name", "value"), [("DELIVRD_URL", "nonsense"), ("DELIVRD_KEY_FILE", "/no/such/file")]
)
def test_what_does_not_lead_to_the_hub_is_one_finding_of_many(
    examined, hub, monkeypatch, name, value
):
    hub.answer("GET", "/healthz", {"status": "ok"})
    if name == "DELIVRD_KEY_FILE":
        monkeypatch.delenv("DELIVRD_KEY")
    monkeypatch.setenv(name, value)
    found = examined(_nothing)
    assert found["hub"][0]["state"] == "bad"
    assert name in found["hub"][0]["what"]
    assert found["database"][0]["state"] == "ok"


def test_a_channel_that_takes_no_notice_is_bad(tmp_path, database_url, delivrd):
    settings = '[alerts.channels.ops]\nurl = "json://127.0.0.1:9/a-secret"\n'
    path = write_settings(tmp_path, database_url, ACCOUNTS + settings)

    async def fill():
        async with opened(database_url) as store:
            await store.write(lambda tx: alerts.post(tx, store.ids, 1, ["ops"], "x", "t", "b", 1))
            (notice,) = await store.read(lambda tx: alerts.due_notices(tx, 2, 1))
            await store.write(lambda tx: alerts.note_try(tx, notice.id, "waiting", "no", 3, 2))

    for prepared, state in ((None, "ok"), (fill, "bad")):
        if prepared:
            run(prepared())
        ran = delivrd("doctor", "--json", "--config", str(path))
        (check,) = [c for c in ran.json["checks"] if c["name"] == "alerts"]
        assert check["state"] == state
    assert check["what"] == "ops: the last notice did not go out, 1 to be tried again: no"
    assert check["mend"] == "delivrd alerts test ops"


def test_a_rule_that_only_an_earlier_release_took_is_told_and_stops_no_other(
    tmp_path, sqlite_url, delivrd
):
    path = write_settings(tmp_path, sqlite_url, ACCOUNTS)

    async def watched():
        async with opened(sqlite_url) as store:
            for name, rule in (("old", '{"kind": "gone"}'), ("new", '{"kind": "change"}')):
                await store.write(partial(alerts.put_rule, name=name, rule=rule, now=1))
            return in_force(Alerts(), await store.read(alerts.rules))

    found = run(watched()).keys()
    assert {"new", "many-failures"} <= found
    assert "old" not in found
    ran = delivrd("doctor", "--json", "--config", str(path))
    (told,) = [c for c in ran.json["checks"] if c["name"] == "alerts" and c["state"] == "bad"]
    assert "the rule old is of an earlier release and not watched: " in told["what"]
    assert told["mend"] == "PUT or DELETE /v1/alerts/rules/old"


def test_a_channel_or_a_maintenance_for_a_rule_that_is_none_is_told(
    tmp_path, database_url, delivrd
):
    settings = """
[alerts.channels.ops]
url = "json://127.0.0.1:9/a-secret"
rules = ["many-failure", "backlog", "by-api"]
[alerts.maintenance.night]
daily = "02:00-04:00"
rules = ["no-such-thing"]
"""
    path = write_settings(tmp_path, database_url, ACCOUNTS + settings)

    async def fill():
        async with opened(database_url) as store:
            await store.write(lambda tx: alerts.put_rule(tx, "by-api", '{"kind": "change"}', 1))

    run(fill())
    ran = delivrd("doctor", "--json", "--config", str(path))
    assert [(c["what"], c["mend"]) for c in ran.json["checks"] if c["state"] == "warning" and
            c["name"] == "alerts"] == [
        ("[alerts.channels.ops] is for a rule 'many-failure', which does not exist",
         "Did you mean many-failures?"),
        ("[alerts.maintenance.night] is for a rule 'no-such-thing', which does not exist",
         "delivrd alerts list shows them all"),
    ]  # fmt: skip

"""Counts by sender, by raw code and by the minute, and of charges."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from delivrd.store.counts import micro_units
from delivrd.store.schema import metadata

revision: str = "0002_insight"
down_revision: str | None = "0002_segments"

TABLES = ("cost", "rollup_sender", "rollup_code", "recent", "feedback", "conversion")
COLUMNS = (
    ("error_code", sa.Text),
    ("price", sa.Text),
    ("currency", sa.Text),
    ("second", sa.BigInteger),
)

_KNOWN = (  # copied from the message, as each message has had a single attempt until now
    "UPDATE attempt SET {sets} WHERE bucket IS NOT NULL"
)
_OF_MESSAGE = "{0} = (SELECT m.{0} FROM message m WHERE m.id = attempt.message_id)"
_SECOND = (
    "second = coalesce(handed_at, (SELECT m.sent_at FROM message m "
    "WHERE m.id = attempt.message_id)) / 1000000"
)
_SENDERS = (
    "INSERT INTO rollup_sender (bucket, account_id, country, sender, status, slot, n) "
    "SELECT a.bucket, a.account_id, coalesce(m.country, ''), "
    "coalesce(m.sender, ''), a.status, 0, count(*) FROM attempt a "
    "JOIN message m ON m.id = a.message_id WHERE a.bucket IS NOT NULL GROUP BY 1, 2, 3, 4, 5"
)
_CODES = (
    "INSERT INTO rollup_code (bucket, account_id, country, status, code, slot, n) "
    "SELECT a.bucket, a.account_id, coalesce(m.country, ''), a.status, "
    "a.error_code, 0, count(*) FROM attempt a JOIN message m ON m.id = a.message_id "
    "WHERE a.bucket IS NOT NULL AND a.error_code IS NOT NULL GROUP BY 1, 2, 3, 4, 5"
)
_MINUTES = (
    "INSERT INTO recent SELECT a.second / 60, a.account_id, coalesce(m.country, ''), a.status, "
    "CASE WHEN a.latency IS NULL THEN -2 WHEN a.latency < 0 THEN -1 ELSE a.latency / 2 END, 0, "
    "count(*) FROM attempt a JOIN message m ON m.id = a.message_id "
    "WHERE a.bucket IS NOT NULL AND a.second IS NOT NULL GROUP BY 1, 2, 3, 4, 5"
)
_SECONDS = (
    "INSERT INTO recent SELECT a.second / 60, a.account_id, coalesce(m.country, ''), a.status, -3, "
    "0, sum(a.second % 60) FROM attempt a JOIN message m ON m.id = a.message_id "
    "WHERE a.bucket IS NOT NULL AND a.second IS NOT NULL AND a.latency IS NULL GROUP BY 1, 2, 3, 4"
)
_CHARGED = (
    "SELECT 0, bucket, 0, coalesce(country, ''), coalesce(network, ''), coalesce(currency, ''), "
    "price, count(*) FROM message WHERE bucket IS NOT NULL AND price IS NOT NULL "
    "GROUP BY 1, 2, 3, 4, 5, 6, 7 UNION ALL "
    "SELECT 1, a.bucket, a.account_id, coalesce(m.country, ''), coalesce(a.network, ''), "
    "coalesce(a.currency, ''), a.price, count(*) FROM attempt a JOIN message m "
    "ON m.id = a.message_id WHERE a.bucket IS NOT NULL AND a.price IS NOT NULL "
    "GROUP BY 1, 2, 3, 4, 5, 6, 7"
)


def upgrade() -> None:
    connection = op.get_bind()
    there = {column["name"] for column in sa.inspect(connection).get_columns("attempt")}
    if "second" in there:  # the first tables were made by this release
        return
    for name, kind in COLUMNS:
        op.add_column("attempt", sa.Column(name, kind()))
    metadata.create_all(connection, [metadata.tables[name] for name in TABLES])
    sets = [_OF_MESSAGE.format(name) for name in ("error_code", "price", "currency")]
    op.execute(_KNOWN.format(sets=", ".join([*sets, _SECOND])))
    for statement in (_SENDERS, _CODES, _MINUTES, _SECONDS):
        op.execute(statement)
    _count_charges(connection)


def _count_charges(connection: sa.Connection) -> None:
    table = metadata.tables["cost"]
    found: dict[tuple[Any, ...], int] = {}
    for *key, price, n in connection.execute(sa.text(_CHARGED)):
        charged = micro_units(price)
        if charged is not None:
            for what, amount in ((0, n * charged), (1, n)):
                place = (*key, what)
                found[place] = found.get(place, 0) + amount
    columns = [column.name for column in table.columns]
    rows = [dict(zip(columns, (*key, 0, n), strict=True)) for key, n in found.items()]
    if rows:
        connection.execute(table.insert(), rows)

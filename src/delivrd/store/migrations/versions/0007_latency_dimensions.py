"""Histograms of latencies beside every count by status: also by reason, by sender and by code."""

import sqlalchemy as sa
from alembic import op

from delivrd.store import histograms
from delivrd.store.counts import PRUNED, TABLES, TIMED
from delivrd.store.days import BUCKETS_A_DAY
from delivrd.store.latencies import BUCKETS_A_HALF, BUCKETS_A_PART, STEPS
from delivrd.store.latencies import TABLES as ALONE
from delivrd.store.schema import metadata

revision: str = "0007_latency_dimensions"
down_revision: str | None = "0006_nonce_log"

_POSTGRES = f"sum((n || 'e' || {histograms.DIGITS} * (latency - ({histograms.FIRST})))::numeric)"

_ATTEMPTS = "attempt a JOIN message m ON m.id = a.message_id"
_ENDED = "a.bucket IS NOT NULL AND a.latency IS NOT NULL"
_COUNTRY, _SENDER = "coalesce(m.country, '')", "coalesce(m.sender, '')"
_ROUTE = ("a.bucket", "a.account_id", _COUNTRY)

_ROWS = (
    (
        "rollup", "message m", "m.bucket IS NOT NULL AND m.latency IS NOT NULL", "m.latency",
        ("0", "m.bucket", "0", _COUNTRY, "coalesce(m.network, '')", "m.status",
         "coalesce(m.reason, '')"),
    ),
    (
        "rollup", _ATTEMPTS, _ENDED, "a.latency",
        ("1", *_ROUTE, "coalesce(a.network, '')", "a.status", "coalesce(a.reason, '')"),
    ),
    ("rollup_sender", _ATTEMPTS, _ENDED, "a.latency", (*_ROUTE, _SENDER, "a.status")),
    (
        "rollup_code", _ATTEMPTS, f"{_ENDED} AND a.error_code IS NOT NULL", "a.latency",
        (*_ROUTE, "a.status", "a.error_code"),
    ),
)  # fmt: skip
"""What to count from messages and attempts: table, rows, condition, step, key."""

_ONLY_REASON = (
    "coalesce((SELECT min(r.reason) FROM rollup r WHERE r.unit = l.unit AND r.bucket = l.bucket "
    "AND r.account_id = l.account_id AND r.country = l.country AND r.network = l.network "
    "AND r.status = l.status AND r.slot = l.slot AND r.n <> 0 HAVING count(*) = 1), '')"
)

_SUMS = (
    ("rollup_day", "rollup"),
    ("rollup_sender_day", "rollup_sender"),
    ("rollup_code_day", "rollup_code"),
    ("latency_half", "rollup"),
    ("latency_part", "latency_half"),
    ("route_day", "latency_part"),
    ("status_day", "route_day"),
)
_TIMES = {
    ("day", "bucket"): f"bucket / {BUCKETS_A_DAY}",
    ("half", "bucket"): f"bucket / {BUCKETS_A_HALF}",
    ("part", "half"): f"half / {BUCKETS_A_PART // BUCKETS_A_HALF}",
    ("day", "part"): f"part / {BUCKETS_A_DAY // BUCKETS_A_PART}",
}


def upgrade() -> None:
    """Recounts the latencies of messages and attempts, and takes those of pruned ones from the old
    tables. These had no sender and no code; the reason is known only if all that ended in the
    status have the same one."""
    connection = op.get_bind()
    if not sa.inspect(connection).has_table(
        "latency"
    ):  # the first tables were made by this release
        return
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        histograms.teach(connection.connection.driver_connection)  # type: ignore[arg-type]
    _make_room(connection)
    for name, rows, which, step, key in _ROWS:
        _count(name, rows, which, step, key, "steps_of(latency, n)" if sqlite else _POSTGRES)
    total = f"steps_sum({STEPS})" if sqlite else f"sum({STEPS})"
    _keep_pruned(total)
    for name, of in _SUMS:
        _sum_up(name, of, total)
    for name in ("latency", "latency_day"):
        op.execute(f"DROP TABLE IF EXISTS {name}")


def _make_room(connection: sa.Connection) -> None:
    alone = [metadata.tables[name] for name in ALONE]
    metadata.drop_all(connection, alone)
    metadata.create_all(connection, alone)
    there = sa.inspect(connection)
    for name in TIMED:
        if there.has_table(name) and STEPS not in {c["name"] for c in there.get_columns(name)}:
            op.add_column(name, sa.Column(STEPS, metadata.tables[name].c[STEPS].type))


def _count(
    name: str, rows: str, which: str, step: str, key: tuple[str, ...], histogram: str
) -> None:
    columns = TABLES[name]
    told = ", ".join(f"{value} AS {column}" for column, value in zip(columns, key, strict=True))
    names, numbers = ", ".join(columns), ", ".join(map(str, range(1, len(columns) + 2)))
    _add(
        name,
        f"SELECT {names}, 0, 0, {histogram} FROM (SELECT {told}, {step} AS latency, count(*) AS n "
        f"FROM {rows} WHERE {which} GROUP BY {numbers}) AS found WHERE true GROUP BY {names}",
    )


def _keep_pruned(total: str) -> None:
    _add(
        "rollup",
        f"SELECT unit, bucket, account_id, country, network, status, {_ONLY_REASON}, slot, 0, "
        f"{STEPS} FROM latency l WHERE slot = {PRUNED}",
    )
    _add(
        "rollup_sender",
        f"SELECT bucket, account_id, country, '', status, slot, 0, {total} FROM latency "
        f"WHERE unit = 1 AND slot = {PRUNED} GROUP BY bucket, account_id, country, status, slot",
    )


def _sum_up(name: str, of: str, total: str) -> None:
    key = [*TABLES[name], "slot"]
    told = ", ".join(_told(column, of) for column in key)
    n = "" if name in ALONE else "0, "
    _add(name, f"SELECT {told}, {n}{total} FROM {of} WHERE {STEPS} IS NOT NULL GROUP BY {told}")


def _told(column: str, of: str) -> str:
    """The expression of a column over the table from which it is summed."""
    for (wanted, there), value in _TIMES.items():
        if column == wanted and there in TABLES[of]:
            return value
    return column


def _add(name: str, rows: str) -> None:
    """Writes histograms into the rows with their keys; inserts missing rows."""
    key = ", ".join([*TABLES[name], "slot"])
    n = "" if name in ALONE else "n, "
    op.execute(
        f"INSERT INTO {name} ({key}, {n}{STEPS}) {rows} "
        f"ON CONFLICT ({key}) DO UPDATE SET {STEPS} = excluded.{STEPS}"
    )

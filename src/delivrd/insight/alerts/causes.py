"""What is likely behind a firing: the reasons and codes of what failed there since."""

from delivrd.alert_settings import Rule
from delivrd.insight.alerts.state import Say
from delivrd.insight.alerts.words import Why
from delivrd.store.base import Store
from delivrd.store.queries import alerts as queries
from delivrd.store.tx import Tx

ASKED = frozenset({"change", "failure_rate", "settled_rate"})
MICROS = 1_000_000


async def causes(store: Store, rule: Rule, say: Say) -> Why:
    """The top reasons and codes, where the rule is about failures.

    Raises:
        StoreUnavailable: the store did not answer.
    """
    if rule.kind not in ASKED or say.what not in ("fired", "widened"):
        return Why()
    values = dict(say.place)
    account, country = values.get("account"), values.get("country")
    account_id = None if account is None else store.accounts.id_of(account)

    async def ask(tx: Tx) -> Why:
        since = say.since * MICROS
        return Why(
            await queries.reasons(tx, account_id, country, since),
            await queries.codes(tx, account_id, country, since),
        )

    return await store.read(ask)

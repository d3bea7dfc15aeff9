"""What the tests against simulated gateways share: the dialects, and an account of each."""

from pydantic import SecretStr

from delivrd.providers import provider
from delivrd.simulator import dialect, names
from tests.providers.provider_cases import DIALECTS

SECRET = "a signature secret"
SENDING = {each.provider: each.account for each in DIALECTS if each.account}
SIMULATED = [name for name in names() if name in SENDING]
"""The dialects that both a simulated gateway and a sending adapter speak."""


def settings(name, **changes):
    """An account that sends and, where the gateway signs its receipts by a secret, checks them."""
    of, account = provider(name), SENDING[name]
    fields = of.Settings.model_fields
    unset = {
        field: SECRET
        for field in of.Settings.SIGNED_BY
        if field in fields and field not in account and "SecretStr" in str(fields[field].annotation)
    }
    return of.Settings(**account | unset | changes)


def account(name, webhook="http://hub/webhooks/a"):
    """The gateway's side of the same account."""
    return dialect(name).account(settings(name), webhook)


def known_as(part, submission):
    """The id by which the hub knows a part: the gateway's, unless its answer names none. Then it
    is the hub's own, at the end of the address for receipts."""
    known = dialect(submission.dialect)
    if known.returns_id:
        return submission.parts[0].id if known.first_id_only else part.id
    return submission.callback.partition("?")[0].rpartition("/")[2]


def spoilt(right):
    """The same settings with other secrets."""
    return right.model_copy(update={name: _other(value) for name, value in right})


def _other(value):
    """A secret of the same form (also where that is hexadecimal or base 64), yet not the same."""
    if isinstance(value, tuple):
        return tuple(_other(each) for each in value)
    if not isinstance(value, SecretStr):
        return value
    secret = value.get_secret_value()
    return SecretStr(("c" if secret[0] == "b" else "b") + secret[1:])

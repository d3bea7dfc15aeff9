"""The configured accounts as the pages show them, without their secrets."""

from typing import NamedTuple

from delivrd.config import Config, proofs
from delivrd.sending.submit import can_send
from delivrd.store.accounts import Accounts

_PROOFS = {
    "webhook_secret": "the secret in its address",
    "basic_auth": "user name and password",
    "allow_from": "the address it calls from",
}
_SIGNATURE = "its signature"


class Account(NamedTuple):
    """``webhook`` has SECRET in place of the secret; ``proofs`` are described in words."""

    name: str
    provider: str
    simulated: bool
    sends: bool
    webhook: str
    secret: bool
    proofs: list[str]


def listed(config: Config, accounts: Accounts) -> list[Account]:
    """The accounts in the order of the settings."""
    found = []
    for name, settings in config.accounts.items():
        account = accounts.by_name[name]
        secret = bool(settings.webhook_secret)
        found.append(
            Account(
                name=name,
                provider=account.provider.name,
                simulated=settings.simulated,
                sends=can_send(account),
                webhook=f"{config.url}/webhooks/{name}" + ("/SECRET" if secret else ""),
                secret=secret,
                proofs=[_PROOFS.get(proof, _SIGNATURE) for proof in proofs(settings)],
            )
        )
    return found

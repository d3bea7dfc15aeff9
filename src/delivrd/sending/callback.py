"""The callback URL that a gateway gets with a message, for its receipts (rule D1)."""

from urllib.parse import quote, urlsplit

from delivrd.config import Config
from delivrd.core.addresses import is_local
from delivrd.store.accounts import Account


def webhook_path(account: Account) -> str:
    """The path of the account's webhook, with its current secret if it has one."""
    path = f"/webhooks/{account.name}"
    secrets = account.settings.webhook_secret
    return f"{path}/{quote(secrets[0].get_secret_value(), safe='')}" if secrets else path


def callback_address(config: Config, account: Account, reference: str) -> str | None:
    """The full URL; None if the gateway accepts none, or could not reach it."""
    if not account.provider.calls_back:
        return None
    base = config.public_url
    if base is None:
        gateway = urlsplit(account.settings.base_url or "").hostname
        if gateway is None or not is_local(gateway):
            return None
        base = config.local_url
    return f"{base}{webhook_path(account)}/{reference}"

"""The address that a gateway is told to send one message's receipts to (rule D1)."""

from urllib.parse import quote, urlsplit

from delivrd.config import Config, is_loopback
from delivrd.store.accounts import Account


def webhook_path(account: Account) -> str:
    """The account's webhook, with its current secret where it has one."""
    path = f"/webhooks/{account.name}"
    secrets = account.settings.webhook_secret
    return f"{path}/{quote(secrets[0].get_secret_value(), safe='')}" if secrets else path


def callback_address(config: Config, account: Account, reference: str) -> str | None:
    """The full address, or None where the gateway takes none, or could not reach it anyway."""
    if not account.provider.calls_back:
        return None
    base = config.public_url
    if base is None:
        gateway = urlsplit(account.settings.base_url or "").hostname
        if gateway is None or not is_loopback(gateway):
            return None
        base = config.local_url
    return f"{base}{webhook_path(account)}/{reference}"

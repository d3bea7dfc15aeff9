"""Receiving: webhooks are authenticated, read, appended and answered; then the fold follows."""

"""Keeping the store: what goes after its time, in small steps, while intake runs."""

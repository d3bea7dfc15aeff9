"""Alerts: rules as data, judged by pure functions over counts, in one process at a time."""

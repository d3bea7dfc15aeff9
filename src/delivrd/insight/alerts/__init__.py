"""Alerts: rules as data, evaluated by pure functions over counts, in one process at a time."""

"""Alerts: rules as data, judged by pure functions over counts; one process says what they say."""

"""Intake: webhook calls are authenticated, read, appended, answered and then folded."""

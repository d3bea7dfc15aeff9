"""Measurements of delivrd beside an empty server and the usual hand-written handlers."""

"""Sending: a message is stored, answered for, and handed to its gateway in the background."""

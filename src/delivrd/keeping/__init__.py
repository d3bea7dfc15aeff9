"""Retention: deletes rows past their time, in small steps while intake runs."""

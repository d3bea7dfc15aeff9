"""Retention: deletes what is past its time, in small steps, while intake runs."""

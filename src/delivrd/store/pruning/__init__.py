"""Deletes rows past their retention, in small steps (rule F5 and `[retention]`).

Each step is a short transaction and returns how many rows it deleted or emptied; 0 means that
nothing is left to do. Ids grow with time, so the oldest rows come first.
"""

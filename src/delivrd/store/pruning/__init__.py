"""Deletes what is kept only for a while, in small steps (rule F5 and `[retention]`).

Each step is a job of one short transaction that returns how many rows it deleted or emptied; 0
means that nothing is left to do. Ids grow with time, so that the oldest rows are the first ones.
"""

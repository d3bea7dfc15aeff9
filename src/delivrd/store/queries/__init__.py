"""What is read: lists, details and counts, as plain data for the API and for the pages.

Each function takes a transaction and the configured accounts and changes nothing. What it returns
are the structs of :mod:`delivrd.store.queries.views`, which are the API's JSON field by field;
:func:`delivrd.store.queries.views.plain` makes dictionaries of them.
"""

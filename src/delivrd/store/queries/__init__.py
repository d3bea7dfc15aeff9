"""Queries: lists, details and counts, as plain data for the API and the pages.

Each function takes a transaction and the configured accounts, and changes nothing. Most return the
structs of :mod:`delivrd.store.queries.views`, which have the fields of the API's JSON;
:func:`delivrd.store.queries.views.plain` converts them to dictionaries.
"""

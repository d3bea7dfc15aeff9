"""The only room that knows SQL: schema, migrations, transactions, the fold, queries."""

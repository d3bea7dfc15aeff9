"""The only package that knows SQL: schema, migrations, transactions, the fold, queries."""

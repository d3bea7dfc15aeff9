"""The built-in rules. None of them fires on an idle hub."""

from collections.abc import Mapping

from delivrd.alert_settings import Rule

DEFAULTS: Mapping[str, Rule] = {
    name: Rule.model_validate(fields)
    for name, fields in {
        "more-failures": {"kind": "change"},
        "many-failures": {
            "kind": "failure_rate",
            "by": ("account", "country"),
            "unless_normal": True,
        },
        "no-receipts": {"kind": "no_receipts"},
        "overdue": {"kind": "overdue"},
        "nothing-sent": {"kind": "no_messages"},
        "refused-calls": {"kind": "rejected_signatures"},
        "unmapped-codes": {"kind": "unmapped"},
        "endpoints": {"kind": "endpoint_failing"},
        "backlog": {"kind": "backlog"},
    }.items()
}
"""By name; a rule of the same name in the settings or the API replaces it."""

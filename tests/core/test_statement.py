"""What distinguishes a statement from others of its part (rule C1)."""

from msgspec.structs import replace

from delivrd.core.statement import Kind, Receipt, Status, identity

FAILED = Receipt(
    provider_message_id="1", status=Status.UNDELIVERED, final=True, permanent=True, flagged=True
)


def test_who_said_that_a_failure_is_permanent_makes_no_other_statement_of_it():
    """The store keeps no such thing, and has statements from before it was told apart."""
    implied = replace(FAILED, flagged=False)
    assert identity(Kind.RECEIPT, implied) == identity(Kind.RECEIPT, FAILED)


def test_whether_a_failure_is_permanent_does():
    other = replace(FAILED, permanent=False)
    assert identity(Kind.RECEIPT, other) != identity(Kind.RECEIPT, FAILED)

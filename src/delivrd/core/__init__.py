"""The words and rules of delivery receipts: pure, without I/O and without a framework."""

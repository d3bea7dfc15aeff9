"""The vocabulary and rules of delivery receipts: pure, without I/O or a framework."""

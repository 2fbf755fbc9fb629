"""The Pulumi engine: its programs, its state, and one operation after another on a stack."""

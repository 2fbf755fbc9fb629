"""What the Pulumi program registers, without an engine and without a cluster."""

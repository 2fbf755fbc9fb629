"""A Kubernetes on loopback, and the programs that meshlab runs. Knows nothing of meshlab's stacks."""

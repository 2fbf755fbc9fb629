"""Whether a cluster is one that a stack can be brought up on."""

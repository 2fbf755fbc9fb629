"""What the tiers that need a cluster share."""

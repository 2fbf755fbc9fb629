"""Secrets, taken out of what was kept before they were known to be secret."""

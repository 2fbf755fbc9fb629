"""Shows on a live cluster, check by check, that the lab does what its handbook says; docs/verify.md tells more.

A check gets a Context (settings, cluster, deadline) and returns what it saw, or raises Failed or NotApplicable. Checks
reach the cluster through its API server alone: objects, exec, port-forward and the proxy to Services.
"""

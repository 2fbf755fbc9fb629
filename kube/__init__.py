"""Kubernetes: kubeconfigs, the client of the API server, and what its objects say."""

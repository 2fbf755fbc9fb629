"""Credentials of a workflow's job: a kubeconfig for its cluster, by OpenID Connect or as it is stored."""

"""The canary of the control plane: which proxies are on which revision, who still must roll, what may not go yet."""

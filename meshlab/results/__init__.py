"""What `verify` found: the outcome of a check, and the report that later steps rely on."""

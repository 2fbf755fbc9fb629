"""Components of the lab as a Pulumi package. docs/using_components.md says how another program uses it."""

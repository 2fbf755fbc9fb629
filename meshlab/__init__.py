"""The operator's tools around the meshlab Pulumi program."""

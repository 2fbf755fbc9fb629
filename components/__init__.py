"""The parts of the meshlab Pulumi program: one component a file, wired in `__main__.py`."""

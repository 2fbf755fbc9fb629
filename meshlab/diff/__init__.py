"""What changes between two renderings of a stack, as a reviewer has to know it: the parts of meshlab/diff/trees.py."""

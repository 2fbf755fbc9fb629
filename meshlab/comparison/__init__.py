"""What differs: between two renderings of a stack, or between what was declared and what a cluster has."""

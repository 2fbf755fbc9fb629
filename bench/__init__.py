"""What the lab costs: seconds, CPU and memory of this program and of other tools for the same work.

`python -m bench` measures and writes docs/performance.json, from which the page and the picture beside it are made.
"""

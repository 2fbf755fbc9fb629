"""Whether a rendered stack fits together: what one object names is there, nothing is there twice, ranges are in order.

A chart renders whatever its values say. That an operator mounts a Secret which nobody makes shows only between objects.
"""

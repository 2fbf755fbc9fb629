"""What rolls and in which order when the mesh moves to a revision: the one part of an `up` that acts by itself."""

"""The picture of the program: what depends on what, and what an `up` waits for."""

"""The rules, and what brings a stack's resources before them. Imports neither components nor meshlab."""

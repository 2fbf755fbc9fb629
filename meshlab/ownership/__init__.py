"""Whose an object in a cluster is: this stack's, its charts', another stack's, or left behind by an earlier one."""

"""Where charts come from, and that they are the ones that charts.lock names."""

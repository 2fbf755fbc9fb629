"""One module a command: `configure(parser)` adds its options and sets `run`."""

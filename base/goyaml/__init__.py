"""YAML as the programs of this lab read it. They are written in Go, whose libraries differ from PyYAML."""

"""What every layer may use: errors, processes, the environment, files and YAML as the field's programs read it."""

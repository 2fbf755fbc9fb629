"""What `doctor` looks at before anything is changed: one file a subject, each finding with its fix."""

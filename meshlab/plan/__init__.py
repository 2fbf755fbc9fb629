"""What was reviewed is what runs: a preview that is saved, and an `up` that does that and nothing else."""

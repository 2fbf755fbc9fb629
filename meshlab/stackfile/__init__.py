"""Stack files, `Pulumi.<stack>.yaml`: read and written by the rules of the Pulumi CLI, for every command in one way."""

"""What a stack file may say: the models, their rules, the versions that go together. Touches no cluster."""

"""Takes what a stack runs into the next one: which settings that is, when it may be, and what it changes there."""

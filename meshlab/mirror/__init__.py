"""What a mirror must have: every image that a stack pulls, and its charts as they were published."""

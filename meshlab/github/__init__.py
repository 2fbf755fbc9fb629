"""What the workflows tell people on GitHub: comments, one issue, the way back. Everything goes through the gh CLI."""

"""The audit: which labels of an archive are wrong, how many, and what it changes."""

"""Label noise: which given labels are flipped, and to what."""

"""Ways to draw several predictions from one trained network."""

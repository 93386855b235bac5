"""What is predicted of an image, who takes part, and which labels are given."""

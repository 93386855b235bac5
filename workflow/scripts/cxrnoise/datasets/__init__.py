"""Where radiographs and their labels come from."""

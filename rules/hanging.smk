# Files that hang wrongly, are there twice, or are unlike all others.

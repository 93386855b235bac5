"""How suspicious each label is."""

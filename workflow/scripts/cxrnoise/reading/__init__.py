"""People read images: the study, their answers, and what follows from them."""

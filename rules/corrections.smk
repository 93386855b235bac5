# Labels that readers overturned, laid over the labels of the same cohort, and what it changes.

# What readers made of the sample: the count of wrong labels, and probabilities that hold.

# Which labels of an archive are wrong: every label ranked, a probability sample of the images drawn
# and shown to readers.

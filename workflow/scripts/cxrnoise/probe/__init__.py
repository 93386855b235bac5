"""The probe: linear classifiers on the features of a frozen network."""

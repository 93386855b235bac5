"""Which labels of a medical image archive are wrong, and how much it matters."""

"""Networks, their weights, inputs, training and sampling."""

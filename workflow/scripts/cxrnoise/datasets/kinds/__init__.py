"""The kinds of data sets, one module each; `datasets.registry` lists them."""

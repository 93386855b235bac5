"""Bytes of an image file to grey values, and the HDF5 shards that hold them."""

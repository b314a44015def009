"""Columns → the bytes of a file, one module per format."""

"""Reading an archive: what is in it, and whether all of it is."""

"""What the writing side and the reading side share: the ground floor. Nothing of ours is imported here, and nothing heavy.

names      columns that the archive adds; any text as one component of a path
paths      folders and files of an archive, made and read back
head       records of what was archived, and the heads that prove them
declared   the grammar of declared types: what a source said of a column
wire       single values and layouts of frames, as the spool has them
"""

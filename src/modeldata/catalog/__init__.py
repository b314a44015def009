"""Which batches of an archive count. Reading, housekeeping, Spark and the command line stand on this room; it reads no rows.

batches      the folders of an archive, their manifests, and the batches that are live
belonging    to which collector a line belongs, and whether it counts: copies and strays
select       which collectors are meant, and which moments
retry        files go away while somebody looks at an archive: look again
audit        is every accepted row there, once
errors       what a reader may meet
"""

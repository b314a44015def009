"""An unmodified service is archived: its command is run with a hook in each Python process that it starts.

command      the environment of that command
site/        `sitecustomize`, which each of those processes imports first: it waits for a server to be imported
hooks        puts `Archiving` around the application that the server serves
"""

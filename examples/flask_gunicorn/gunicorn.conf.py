"""Four workers. Nothing here is for the archive: workers need no hook, and `preload_app = True` works as well."""

workers = 4
bind = "127.0.0.1:8000"

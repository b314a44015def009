"""Settings that gunicorn reads by itself from the folder it is started in. Needs nothing for modeldata."""

bind = "127.0.0.1:8000"
workers = 4
graceful_timeout = 10

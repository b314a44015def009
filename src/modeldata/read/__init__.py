"""Rows of an archive as tables. `catalog/` says which batches count. The way of a question:

question  arguments → a request
plan      pieces to read, and their schema      chunks    batches that are read as one
forms     the Arrow type of each column         sample    a look at rows where no manifest has it
scan      pieces → record batches               fetch     bytes, proven; where they are damaged
part, original                                  rows of a file of ours, of the original; convert: cells → typed columns
exact     Python's own values                   frames    pandas, polars
dataset   a scan as DuckDB asks for it          sql       views and queries
live_files files that DuckDB reads by itself     duck      its connections
join      collectors side by side               match     which of their rows belong together
inventory what is there, by collector           newest    the last rows by time
follow    rows as they arrive                   profile   what columns hold
query     a question, and the archive as it is listed
reader    all of it on one store
"""

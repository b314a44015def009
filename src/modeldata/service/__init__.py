"""A service is archived from outside of its scoring code.

    recorder     `Recorder`: three collectors (inputs, predictions, requests) and what of a call goes to which
    call         one call, from its inputs to its answer
    wrapped      `Recorder.record`: functions, coroutines, generators
    ids          the id of the caller, of the trace, ours; which calls are in a sample
    exchange     one HTTP request and its answer: what was seen of both, and what is collected of it
    tee          the first bytes of a body that passes by
    paths        which paths are recorded
    decode/      bytes and their content type → rows; pure functions
    streams      an answer in pieces (SSE, NDJSON) → one row
    redact       values of named fields are replaced before anything is kept
    asgi, wsgi   `Archiving`: around an application of a framework
    grpc         interceptors of a gRPC server; rpc is one call of it, messages makes rows of its messages
    bentoml      `Monitor`: what `bentoml.monitor` logs
    celery       `record_tasks`
    launch/      `modeldata run`

Promise: the service never sees it. Bytes and status stay the same, nothing is held back, and no exception of ours leaves here. An
answer is archived before its last byte leaves. Nothing here is imported before `modeldata.Recorder` is used.
"""

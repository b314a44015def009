"""`modeldata sidecar`: rows that other programs post over HTTP are archived.

    event         one event: rows as bytes, their collector, when they were, what tells a repeat
    azure         POST /modeldata/log, as azureml-ai-monitoring sends it → an event
    cloudevents   CloudEvents, one or a batch, as KServe's and Seldon's loggers send them → events
    posted        POST /v1/collect/<model>/<identifier> → an event
    keeper        events → `collect()`, each once
    collectors    a collector for each identity, of a bounded number
    recent        the events that were kept lately
    guard         who may post
    app           the addresses, and what each outcome is in HTTP
    serve         one address, TLS, a server until it is stopped

Promise: an event is answered with 200 after `collect()` has accepted its rows, so an answered event is archived whatever dies.
There is no queue: what can't be kept now is refused with its reason. A repeat of an event that was kept is answered with 200 and
not kept again, as far as `recent` remembers, over restarts too. Rows have their event's own id as `$RequestId`: readers can tell.
"""

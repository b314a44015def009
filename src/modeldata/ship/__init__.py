"""The shipper: spool → batch → store → checkpoint.

Rule: *freeze, then send.* A round of batches becomes immutable bytes on disk, with names and positions, before the first
byte leaves. Whatever happens after that, the same bytes go to the same place until it is known that they are there.

    gather    read frames after the checkpoint, drop repeats, group by (collector, day, definition)
    encode    each group to the bytes that its file gets, and a manifest line that says what they hold
    freeze    all bytes of the round to `staging`, then `intent`: what goes where, and the state after it; both fsynced
    send      each item: probe where the outcome is unknown, append, until it is known to be there
    commit    checkpoint (both slots, one after the other), then remove the intent, then unlink segments that are done

After a crash: an intent of the next round is sent again from the start (each append probes first); an older one is a leftover.

    deadly_rounds  a round at which shippers died is encoded in other processes (`isolation`), down to the row that is set aside
    json_rows      rows of ever new columns share one file, each row as one JSON value
    leader         one process ships for the host; a lock that dies with it, and a mark that each send and commit looks at
    sink           the checkpoint of one archive, found by the archive's id
    former         a spool that nobody tends since the archives were named in another way: shipped once, beside ours
    worker         the loop: when to ship, fsync of what writers stored, back-off; in a child process, a thread, or by hand
"""

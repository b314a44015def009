"""The spool: the write-ahead log between a service and its archive.

Aim
    When `collect()` returns True the rows are in a file that the kernel owns: SIGKILL in the same instant loses
    nothing. Nothing on this path takes a lock, waits for another thread, or needs the shipper.

Words
    *lane*      what one thread holds while it collects: counters, a packer, and one open segment. Lanes are taken from
                and given back to a pool (`deque.pop`, `deque.append`: atomic). Two threads never share one, so frames
                in a segment never interleave and there is no lock to wait for, to inherit over a fork, or to meet
                again from a signal handler: an inner call simply takes another lane.
    *writer*    a lane's identity: 12 random bytes for the process (new in every fork child) and 4 for the lane.
    *segment*   a preallocated file of one writer. Its size never changes while it is written.
    *frame*     one `collect()` call. *definition*: what frames of one shape share; written twice in each segment that
                uses it, so that one bad byte never costs more than one frame.

Bytes (little endian, everything starts on a multiple of 8; zero bytes mean "nothing written yet")
    segment  header (64) | the same header again (64) | frame | frame | ... | END frame | zeros
    header   magic 8s "MDSEG1\\r\\n" | version u16 | reserved u16 | salt u32 | spool id 16s | writer id 16s | number u32
             | created i64 ns | crc u32
    frame    magic 4s | kind u8 | check u8 | flags u16 | sequence u64 | time i64 ns since 1970 UTC | rows u32 |
             definition u32 | data length u32 | correlation length u16 | request length u16 | payload check u32 |
             header check u32 | payload = data, correlation id, request id (UTF-8) | zeros to a multiple of 8
    kinds    1 DATA, 2 DEFINE (data = a msgpack map, see snapshot.schema), 3 DROPS (data = msgpack [[identity, reason,
             rows], ...]), 4 END (the writer has left this segment; there is nothing after it), 5 TOTALS (just before END, where
             there is room: data = msgpack [[definition, next sequence], ...], so that a loss at the end is known exactly)
    tail     the last 2 KiB may hold a DROPS frame under another magic: what was refused while there was no room for a frame.
             Rewritten in place by its writer, read only when that is gone without END.
    checks   2 = the low 32 bits of XXH3-64 with the segment's salt as seed; 1 (in segments of version 1) = CRC-32 as in zlib,
             begun with the salt. The salt is random, so a frame inside somebody's *data* is never taken for one of ours.
    sequence counts rows per (writer, collector) from 0. A refused row takes none, so a gap is a loss, known exactly,
             and a repeated number is a repeat.

Folder
    spool.json            format, spool id, when made, the inode by which a copy is known
    layout.json           what the archive should look like, for whoever ships
    segments/W-N.seg      W = writer id in hex, N = number in the writer's order
    archives.json         which archives the rows are for, so that they are found after the settings changed
    leader.lock           held by the one process that ships; leader.json says who, since when, and its last error
    sinks/S/              one archive: its id, checkpoint.a, checkpoint.b, intent, staging (see modeldata.ship)
    quarantine/           frames that could not be decoded, as they were

Verbs
    write    (`segment`) build the frame, look whether the file is still whole and ours, then store it at the lane's end in
             one system call that keeps the GIL (`keep_gil`). A reader that looks too early sees a checksum that fails, waits,
             and looks again. A large frame is written piece by piece from where its data lies; its header, with the
             checksum of what was stored, comes last.
    roll     (`writer`) make the next segment first, then END the old one: a living writer always has a segment.
    read     (`reader`) walk frames while checksums hold; at a bad one look for the next good one; at the end of a
             living segment wait, of a dead one count what was torn.
    alive    (`lock`) a writer holds flock on its segment; the kernel lets go when the process is gone.

Tricky idea
    An exception can arrive between any two steps (KeyboardInterrupt, a killed greenlet). A lane on which that happened is
    retired: nobody writes to its segment again, its writer id ends there. The lane goes on as another writer.
    The row in flight is archived or not, never twice.
"""

"""Keeping an archive in order: `compact`, `prune`, `erase`, beside shippers and readers that go on. This is the design page.

All three rewrite one folder (a day or an hour of a collector) at a time, in the same steps:

    stage     what takes the place of some batches is made on the local disk, in files without a name
    put       the new data files, under names that are in no manifest: not committed, not read
    switch    one put of `_manifest/generation-<n>.jsonl`: its lines name the new files, and replace the batches of the old
    clean     old data files, then their manifests, then older generations

Readers (see `modeldata.catalog.batches`) see what was before the switch or what is after it. Whoever dies in between leaves files
that nobody reads, and the next run takes them away.

**Two at once.** Generations are numbered, and a number is taken by a put that never overwrites: the second finds its number
taken, removes its files and starts over from what is there now. A number, once taken, stays: where a generation was itself
replaced, an empty one takes its place. The names of new data files begin with their generation, and such a file without a line is
removed only once its generation is taken: its switch can't come any more. So the claim (`_manifest/rewrite.lock`) only saves
double work.

**Shippers beside.** A switch replaces batches by their ids. What a shipper adds to an old file later stays live, and the file
stays with it: it is removed only if it has the length that its manifest says (`store.remove_if`). A shipper that comes after
that finds its file gone and takes another. The ids of replaced batches are carried from generation to generation: a shipper that
died before its checkpoint and sends such a batch again adds nothing.

**What is true of replaced lines** (`refused`, `lost`) is said again by the lines that replace them, so the audit still accounts
for every number; erased and pruned rows are `lost` with that reason.
"""

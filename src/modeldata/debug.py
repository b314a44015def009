"""The debug mode of the original (`AML_MODEL_DC_DEBUG`): header and rows of each call on stdout, as CSV."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgpack

from modeldata.encode import format_of
from modeldata.intake.messages import say
from modeldata.ship.batch import Batch, BatchFormat, encode_group
from modeldata.ship.calls import WriterFrames
from modeldata.ship.definitions import ArchiveLayout
from modeldata.ship.gathered import FrameGroup
from modeldata.snapshot import capture_of
from modeldata.snapshot.packing import new_packer
from modeldata.spool import frame
from modeldata.spool.bulk import FrameRun
from modeldata.spool.reader import Frame

if TYPE_CHECKING:
    from modeldata.snapshot import SchemaCache

PRINTED = ArchiveLayout("csv", hour_folders=False, excel_safe=False)


def show(schemas: SchemaCache, input_data: object, correlation: bytes, request: bytes, time_ns: int) -> None:
    """Print what the archive would get for this call. Raises whatever the data raises."""
    schema, rows, data = capture_of(input_data)(input_data, schemas, new_packer())
    if not rows:
        return
    frame_bytes = frame.pack_frame(0, frame.DATA, 0, time_ns, rows, 1, bytes(data), correlation, request)
    head = frame.unpack_frame_header(frame_bytes, 0, 0)
    assert head is not None
    definition = msgpack.unpackb(schema.definition, unicode_errors="surrogatepass")
    group = FrameGroup(definition, definition["identity"], "", PRINTED)
    group.frames.append(WriterFrames(bytes(16), FrameRun.of(Frame(head, 0, frame_bytes[frame.FRAME_BYTES :]))))
    for batch in encode_group(group, BatchFormat(format_of(PRINTED.format), PRINTED.excel_safe, sys.maxsize, "")):
        if isinstance(batch, Batch):
            say((batch.head + batch.data).decode("utf-8"))

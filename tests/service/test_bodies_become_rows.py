"""Decoders: bytes and headers → rows, against what the libraries that make such bodies say."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modeldata.service.decode import Undecodable, decode_body
from modeldata.service.streams import assembled

MOST = 1 << 20
FRAME = pd.DataFrame({"age": [34, 51], "city": ["Bern", "Köln"]})
ROWS = FRAME.to_dict(orient="records")


def decode(body: bytes | object, kind: str = "application/json", **headers: str) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode_body(data, {"content-type": kind, **headers}, MOST)


def v2(**arrays: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "shape": list(array.shape), "datatype": "FP64", "data": array.ravel().tolist()}
        for name, array in arrays.items()
    ]


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (ROWS, ROWS),
        ({"dataframe_split": json.loads(FRAME.to_json(orient="split"))}, ROWS),
        (json.loads(FRAME.to_json(orient="split")), ROWS),
        ({"dataframe_records": ROWS}, ROWS),
        ({"instances": ROWS}, ROWS),
        ({"instances": [1, 2]}, [[1], [2]]),
        ({"predictions": [[0.1, 0.9]]}, [[0.1, 0.9]]),
        (FRAME.to_dict(orient="list"), ROWS),
        ({"inputs": FRAME.to_dict(orient="list")}, ROWS),
        ({"inputs": v2(x=np.array([[1.0, 2.0], [3.0, 4.0]]), y=np.array([5.0, 6.0])), "id": "i"},
         [{"x": [1.0, 2.0], "y": 5.0}, {"x": [3.0, 4.0], "y": 6.0}]),
        ({"outputs": v2(score=np.array([0.5]))}, [{"score": 0.5}]),
        ({"features": [1, 2, 3, 4]}, {"features": [1, 2, 3, 4]}),
        ({"prompt": "hello", "n": 2}, {"prompt": "hello", "n": 2}),
        ({"columns": ["a"], "data": "no"}, {"columns": ["a"], "data": "no"}),
        ([1, 2], [1, 2]),
        ("text", "text"),
    ],
)  # fmt: skip
def test_each_form_of_json_gives_its_rows(body: object, rows: object) -> None:
    assert decode(body) == rows


def test_csv_has_a_header_where_one_can_be_seen_or_is_declared() -> None:
    body = FRAME.to_csv(index=False).encode()
    assert decode(body, "text/csv") == ROWS
    assert decode(b"1,2.5\r\n3,\r\n", "text/csv; charset=utf-8") == [[1, 2.5], [3, None]]
    assert decode(b"a,b\nc,d\n", "text/csv") == [["a", "b"], ["c", "d"]]
    assert decode(b"a,b\nc,d\n", "text/csv; header=present") == [{"a": "c", "b": "d"}]
    assert decode(body, "text/csv; header=absent")[0] == ["age", "city"]


def test_lines_of_json_arrow_and_npy() -> None:
    lines = FRAME.to_json(orient="records", lines=True).encode()
    assert decode(lines, "application/x-ndjson") == ROWS
    table = pa.Table.from_pandas(FRAME)
    for new, kind in ((pa.ipc.new_stream, "stream"), (pa.ipc.new_file, "file")):
        sink = io.BytesIO()
        with new(sink, table.schema) as writer:
            writer.write_table(table)
        assert decode(sink.getvalue(), f"application/vnd.apache.arrow.{kind}").equals(table)
    sink = io.BytesIO()
    np.save(sink, np.arange(4).reshape(2, 2))
    assert decode(sink.getvalue(), "application/x-npy").tolist() == [[0, 1], [2, 3]]


def test_nothing_in_a_body_can_run() -> None:
    sink = io.BytesIO()
    np.save(sink, np.array([object()]), allow_pickle=True)
    with pytest.raises(Undecodable):
        decode(sink.getvalue(), "application/x-npy")


def test_binary_tensors_follow_their_json() -> None:
    numbers, words = np.array([[1, 2], [3, 4]], "<i4"), [b"yes", "nö".encode()]
    data = [numbers.tobytes(), b"".join(len(word).to_bytes(4, "little") + word for word in words)]
    head = json.dumps({"inputs": [
        {"name": "n", "shape": [2, 2], "datatype": "INT32", "parameters": {"binary_data_size": len(data[0])}},
        {"name": "w", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": len(data[1])}},
    ]}).encode()  # fmt: skip
    headers = {"inference-header-content-length": str(len(head))}
    expected = [{"n": [1, 2], "w": "yes"}, {"n": [3, 4], "w": "nö"}]
    assert decode_body(head + b"".join(data), headers, MOST) == expected
    with pytest.raises(Undecodable):
        decode_body(head + data[0][:5], headers, MOST)


def test_forms_keep_fields_and_describe_files() -> None:
    body = (
        b'--b\r\ncontent-disposition: form-data; name="age"\r\n\r\n34\r\n'
        b'--b\r\ncontent-disposition: form-data; name="image"; filename="x.png"\r\ncontent-type: image/png\r\n\r\n\x89PNG\r\n--b--\r\n'
    )
    row = decode(body, "multipart/form-data; boundary=b")
    assert row["age"] == "34"
    assert (row["image"]["filename"], row["image"]["content_type"], row["image"]["bytes"]) == ("x.png", "image/png", 4)
    assert decode(b"a=1&b=x+y&a=2", "application/x-www-form-urlencoded") == {"a": ["1", "2"], "b": "x y"}


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, lambda body: zlib.compress(body)[2:-4]])
def test_compressed_bodies_are_inflated_up_to_the_limit(pack: Any) -> None:
    name = "gzip" if pack is gzip.compress else "deflate"
    body = json.dumps(ROWS).encode()
    assert decode(pack(body), **{"content-encoding": name}) == ROWS
    with pytest.raises(Undecodable, match="when inflated"):
        decode(pack(b" " * (MOST + 1)), **{"content-encoding": name})
    with pytest.raises(Undecodable):
        decode(pack(body)[:-9], **{"content-encoding": name})


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"{", "application/json"), (b"[" * 100_000, "application/json"), (b"x", "application/x-npy"), (b"\xff", "text/csv"),
     (b'{"inputs": [{"name": "x", "shape": [3], "data": [1]}]}', "application/json")],
)  # fmt: skip
def test_what_is_not_what_it_says_is_undecodable(body: bytes, kind: str) -> None:
    with pytest.raises(Undecodable):
        decode(body, kind)


def test_other_bodies_are_described() -> None:
    assert decode(b"\x89PNG", "image/png")["bytes"] == 4
    assert decode(b"", "application/json") is None
    assert decode(b"hello", "text/plain") == {"text": "hello"}
    assert decode(b' {"a": 1}', "") == {"a": 1}


def test_events_of_a_chat_are_one_row() -> None:
    pieces = [
        {"choices": [{"delta": {"role": "assistant"}}]},
        {"choices": [{"delta": {"content": "Hel"}}]},
        {"choices": [{"delta": {"content": "lo"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"total_tokens": 7}},
    ]
    body = "".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces).encode() + b"data: [DONE]\n\n"
    row = assembled(body, "text/event-stream")
    assert (row["text"], row["finish_reason"], row["usage"], row["pieces"]) == ("Hello", "stop", {"total_tokens": 7}, 4)


def test_a_stream_that_was_cut_keeps_what_is_whole() -> None:
    assert assembled(b"data: a\r\n\r\ndata: b\r\n\r\ndata: c", "text/event-stream")["text"] == "ab"
    assert assembled(b'{"response": "a"}\n{"response": "b"}\n{"resp', "application/x-ndjson")["text"] == "ab"
    assert assembled(b'{"n": 1}\n{"n": 2}\n', "application/x-ndjson")["others"] == [{"n": 1}, {"n": 2}]

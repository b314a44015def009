"""`Recorder`: what of a call goes to which collector, and that the code around it does not see it."""

from __future__ import annotations

import asyncio
import inspect
import pickle
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import modeldata
from modeldata import Recorder
from tests.service.kit import Recording, features


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(tmp_path)


def test_a_call_is_in_three_collectors_under_one_request_id(recording: Recording) -> None:
    recorder = recording.recorder(feature_names=["a", "b"], prediction_names=["score"])
    with recorder.call("order-17", "trace") as call:
        call.inputs([[1, 2], [3, 4]])
        call.predictions([[0.1], [0.2]])
    rows = recording.rows()
    assert features(rows["inputs"]) == [(1, 2), (3, 4)]
    assert features(rows["predictions"]) == [(0.1,), (0.2,)]
    (request,) = rows["requests"]
    assert (request["rows"], request["complete"], request["error"], request["trace_id"]) == (2, True, None, "trace")
    assert request["latency_ms"] > 0
    assert {row["$RequestId"] for name in rows for row in rows[name]} == {call.request_id}
    assert {row["$CorrelationId"] for name in rows for row in rows[name]} == {"order-17"}


def test_only_calls_that_succeed_have_inputs_and_predictions(recording: Recording) -> None:
    recorder = recording.recorder()
    with pytest.raises(ZeroDivisionError), recorder.call("bad") as call:
        call.inputs([1])
        1 / 0
    with recorder.call("good") as call:
        call.inputs([1])
    rows = recording.rows()
    assert [row["$CorrelationId"] for row in rows["inputs"]] == ["good"]
    assert [(row["$CorrelationId"], row["error"]) for row in rows["requests"]] == [
        ("bad", "ZeroDivisionError: division by zero"),
        ("good", None),
    ]


def test_what_is_kept_is_what_the_inputs_were_before_the_model_changed_them(recording: Recording) -> None:
    recorder = recording.recorder()
    given, frame = [1, 2], pd.DataFrame({"a": range(100_000)})
    with recorder.call() as call:
        call.inputs(given)
        given[0] = 99
    with recorder.call() as call:
        call.inputs(frame)
        frame.loc[:, "a"] = 0
    rows = recording.rows()["inputs"]
    assert features([row for row in rows if "a" not in row]) == [(1, 2)]
    assert sum(row["a"] for row in rows if "a" in row) == sum(range(100_000))


def test_two_calls_of_one_correlation_id_stay_two(recording: Recording) -> None:
    recorder = recording.recorder()
    for number in range(2):
        with recorder.call("same") as call:
            call.inputs([number])
            call.predictions([number])
    rows = recording.rows()
    assert len({row["$RequestId"] for row in rows["requests"]}) == 2
    joined = recording.archive.join("m", "requests", "inputs", "predictions", on="request").to_pandas()
    assert sorted(joined["inputs.0"]) == sorted(joined["predictions.0"]) == [0, 1]


def test_a_row_a_call_stands_beside_the_many_rows_of_the_call(recording: Recording) -> None:
    with recording.recorder(feature_names=["n"]).call() as call:
        call.inputs([[1], [2], [3]])
    recording.rows()
    joined = recording.archive.join("m", "inputs", "requests", on="request").to_pandas()
    assert list(joined["inputs.n"]) == [1, 2, 3]
    assert list(joined["requests.rows"]) == [3, 3, 3]


def test_nothing_of_ours_reaches_the_service(tmp_path: Path) -> None:
    recording = Recording(tmp_path, on_error="raise")
    recorder = recording.recorder()
    with recorder.call("x" * 1_000_000) as call:
        call.inputs(object())
        call.predictions(lambda: None)
        call.fail(_Silent())
    recording.archive.close(0)
    with recorder.call() as call:
        call.inputs([1])
    assert recorder.inputs.last_refusal == "closed"


class _Silent(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class _BadId:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(("given", "kept"), [(17, "17"), (None, None), (_BadId(), None), (b"bytes", "bytes")])
def test_an_id_of_any_kind_is_taken_as_text(recording: Recording, given: Any, kept: str | None) -> None:
    with recording.recorder().call(given) as call:
        pass
    assert call.correlation_id == (kept or call.request_id)


def test_a_recorder_can_be_pickled(recording: Recording) -> None:
    recorder = pickle.loads(pickle.dumps(recording.recorder(sample=0.0, redact=["a"])))
    assert (recorder.sample, recorder.redaction.of({"a": 1})) == (0.0, {"a": "***"})


def test_data_that_is_refused_is_said_in_the_calls_row(recording: Recording) -> None:
    with recording.recorder().call() as call:
        call.inputs({1, 2})
        call.predictions([1])
    rows = recording.rows()
    assert features(rows["predictions"]) == [(1,)]
    assert rows["requests"][0]["note"] == "inputs: unsupported_type"
    assert recording.archive.stats().dropped == {"unsupported_type": 1}


def test_a_sample_takes_whole_calls_and_counts_the_others(recording: Recording) -> None:
    recorder = recording.recorder(sample=0.5)
    for number in range(200):
        with recorder.call(f"id-{number}") as call:
            call.inputs([number])
            call.predictions([number])
    rows = recording.rows()
    kept = {row["$CorrelationId"] for row in rows["inputs"]}
    assert 60 < len(kept) < 140
    assert kept == {row["$CorrelationId"] for row in rows["predictions"]} == {row["$CorrelationId"] for row in rows["requests"]}
    assert {row["sample_rate"] for row in rows["requests"]} == {0.5}
    assert recording.archive.stats().dropped == {"sampled_out": 3 * (200 - len(kept))}
    assert recording.archive.audit().verdict == "complete"


def test_a_failed_call_is_kept_whatever_the_sample(recording: Recording) -> None:
    with pytest.raises(ValueError, match="bad"), recording.recorder(sample=0.0).call():
        raise ValueError("bad")
    assert [row["error"] for row in recording.rows()["requests"]] == ["ValueError: bad"]


def test_named_fields_are_redacted_at_any_depth(recording: Recording) -> None:
    recorder = recording.recorder(redact=["Password", "ssn"])
    with recorder.call() as call:
        call.inputs([{"user": "u", "password": "s3cret", "more": [{"SSN": 17}]}])
        call.predictions(pd.DataFrame({"ssn": [17], "score": [0.5]}))
    rows = recording.rows()
    assert features(rows["inputs"]) == [("u", "***", [{"SSN": "***"}])]
    assert features(rows["predictions"]) == [(0.5,)]
    assert not any(b"s3cret" in path.read_bytes() for path in recording.folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("wrong", "kind"), [({"sample": 2}, ValueError), ({"failed": "all"}, ValueError), ({"decode": "json"}, TypeError)]
)
def test_what_does_not_fit_is_said_at_once(recording: Recording, wrong: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        recording.recorder(**wrong)


def test_the_recorder_is_a_public_name_that_costs_nothing_until_it_is_used() -> None:
    import subprocess
    import sys

    assert modeldata.Recorder is Recorder
    code = "import modeldata, sys; modeldata.Archive; print([name for name in sys.modules if 'modeldata.service' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


# The decorator


class Model:
    def __init__(self, recorder: Recorder) -> None:
        self.recorded = recorder.record()(self.score)

    def score(self, rows: list[list[float]], scale: float = 2.0) -> list[list[float]]:
        return [[scale * row[0]] for row in rows]


def test_functions_methods_and_coroutines_keep_their_signature_and_their_result(recording: Recording) -> None:
    recorder = recording.recorder()

    @recorder.record(correlation="order")
    def score(rows: list[list[int]], order: str = "") -> list[list[int]]:
        """Scores."""
        return [[2 * row[0]] for row in rows]

    @recorder.record(inputs=lambda rows, **_: rows, predictions=lambda result: result["scores"])
    async def score_later(rows: list[list[int]], **more: int) -> dict[str, Any]:
        return {"scores": [[3]]}

    @recorder.record("rows")
    def fail(rows: list[int]) -> None:
        raise KeyError("model")

    assert score([[1], [2]], order="o-1") == [[2], [4]]
    assert asyncio.run(score_later([[1]], more=1)) == {"scores": [[3]]}
    with pytest.raises(KeyError):
        fail([7])
    with pytest.raises(TypeError, match="missing"):
        score()  # type: ignore[call-arg]  # its own exception
    assert inspect.signature(score).parameters.keys() == {"rows", "order"} and score.__doc__ == "Scores."
    assert inspect.iscoroutinefunction(score_later)
    rows = recording.rows()
    assert sorted(str(row) for row in features(rows["predictions"])) == ["(2,)", "(3,)", "(4,)"]
    assert [row["error"] is None for row in rows["requests"]] == [True, True, False, False]


def test_a_method_of_a_class_leaves_out_the_instance(recording: Recording) -> None:
    recorder = recording.recorder()

    class Service:
        @recorder.record()
        def score(self, rows: list[list[int]]) -> list[list[int]]:
            return rows

    assert Service().score([[5]]) == [[5]]
    assert features(recording.rows()["inputs"]) == [(5,)]


def test_a_decorator_that_names_no_parameter_is_refused_at_once(recording: Recording) -> None:
    with pytest.raises(TypeError, match="no parameter 'row'"):
        recording.recorder().record("row")(lambda rows: rows)


def test_a_generator_is_one_row_and_keeps_what_is_sent_and_thrown(recording: Recording) -> None:
    recorder = recording.recorder()

    @recorder.record()
    def tokens(prompt: str) -> Iterator[str]:
        got = yield "a"
        try:
            yield f"-{got}"
        except KeyError:
            yield "-caught"

    steps = tokens("hello")
    assert next(steps) == "a"
    assert steps.send("sent") == "-sent"  # type: ignore[attr-defined]  # it is a generator
    assert steps.throw(KeyError()) == "-caught"  # type: ignore[attr-defined]  # likewise
    assert list(steps) == []
    left = tokens("left early")
    next(left)
    left.close()  # type: ignore[attr-defined]  # likewise
    rows = recording.rows()
    assert features(rows["predictions"]) == [("a-sent-caught",), ("a",)]
    assert [row["complete"] for row in rows["requests"]] == [True, False]
    assert features(rows["inputs"]) == [("hello",), ("left early",)]


def test_an_asynchronous_generator_is_one_row(recording: Recording) -> None:
    recorder = recording.recorder()

    @recorder.record()
    async def steps(count: int) -> AsyncIterator[dict[str, int]]:
        for number in range(count):
            await asyncio.sleep(0)
            yield {"n": number}

    async def main() -> list[dict[str, int]]:
        found = [item async for item in steps(3)]
        early = steps(3)
        await anext(early)
        await early.aclose()  # type: ignore[attr-defined]  # it is a generator
        return found

    assert asyncio.run(main()) == [{"n": 0}, {"n": 1}, {"n": 2}]
    rows = recording.rows()
    assert features(rows["predictions"]) == [([{"n": 0}, {"n": 1}, {"n": 2}],), ([{"n": 0}],)]
    assert [row["complete"] for row in rows["requests"]] == [True, False]

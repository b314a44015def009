"""One call of `collect()`: what it takes, what it says."""

from __future__ import annotations

from tests.faults.mutant import Mutant, one

_LANES = "tests/faults/test_lanes_belong_to_one_process.py"
_FRAMES = "tests/snapshot/test_both_ways_to_a_frame_are_one.py"

MUTANTS: tuple[Mutant, ...] = (
    one(
        "rows are not to blame for a lack of memory",
        "columns/__init__.py",
        "    except (Undecodable, MemoryError, ImportError):",
        "    except Undecodable:",
        "tests/snapshot/test_rows_are_read_all_at_once.py::test_a_frame_is_not_to_blame_for_what_the_process_lacks",
    ),
    one(
        "a generator keeps its request id in each context",
        "request_id.py",
        "            GENERATORS.setdefault(frame, []).append(self)\n",
        "            pass\n",
        "tests/request/test_a_generator_keeps_its_id.py",
    ),
    one(
        "a request id that ended elsewhere holds nowhere",
        "request_id.py",
        "            self._ended = True\n",
        "            pass\n",
        "tests/request/test_a_generator_keeps_its_id.py",
    ),
    one(
        "a long id is cut and its row is kept",
        "collector.py",
        "        return fitting_id(correlation, MAX_ID), fitting_id(request, MAX_ID)\n",
        '        raise RefusedData("too_large", "an id")\n',
        "tests/request/test_a_call_brings_its_own_marks.py",
    ),
    one(
        "a segment never goes by the time of an event",
        "spool/lane.py",
        "        if not self._calm_from <= now_ns < self._calm_until:\n            self._tend(now_ns)\n",
        "        if not self._calm_from <= (event_ns or 0) < self._calm_until:\n            self._tend(event_ns or 0)\n",
        "tests/request/test_a_call_brings_its_own_marks.py",
    ),
    one(
        "a lane that was interrupted is retired",
        "collector.py",
        "                writer.retire(lane)  # it is not known how far we came; the rows are there once or not at all\n",
        "                writer.release(lane)\n",
        _LANES + "::test_a_lane_that_was_interrupted_while_it_wrote_is_never_used_again",
    ),
    one(
        "secrets are masked",
        "errors.py",
        "    text = named.sub(_mask_value, text)\n",
        "",
        "tests/settings/test_secrets_never_show.py",
    ),
    one(
        "a frame's blocks are compared with those of its recipe",
        "snapshot/pandas_blocks.py",
        "            if (indexer if type(indexer) is slice else indexer.tobytes()) != columns:\n                return False",
        "            pass",
        _FRAMES,
    ),
    one(
        "blocks are read only where they give what the public way gives",
        "snapshot/pandas_frames.py",
        "                if found and {_content(captured) for captured in found} != {_content(capture_public(frame, schemas, pack))}:\n"
        "                    return False",
        "                pass",
        _FRAMES,
    ),
    one(
        "data frames are compiled only where that gives what the public way gives",
        "snapshot/pandas_frames.py",
        "(by_blocks, compiled(frame, schemas))",
        "(by_blocks,)",
        f"{_FRAMES}::test_a_pandas_whose_blocks_mean_something_else_is_read_by_its_public_api",
    ),
)

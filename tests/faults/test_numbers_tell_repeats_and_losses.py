"""What the shipper makes of the numbers of a writer: a repeat is archived once, a hole is counted."""

from __future__ import annotations

from pathlib import Path

from modeldata.spool import frame
from modeldata.spool.files import Files
from tests.support.archive import manifest_lines
from tests.support.service import (
    NOON,
    Service,
    delivered_on_disk,
    frames_of,
    manifest_rows,
    new_pipeline,
    only_segment,
    ship_all,
)


def test_a_row_that_is_spooled_twice_under_one_number_is_archived_once(tmp_path: Path) -> None:
    """As after a failed fsync: the same rows in an older segment and in a newer one."""
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    for number in range(5):
        assert service.collect("inputs", number)
    service.kill()
    path = only_segment(archive)
    last_at, last, _ = [one for one in frames_of(path) if one[2].kind == frame.DATA][-1]
    with path.open("r+b") as file:
        file.seek(last_at + len(last))
        file.write(last)

    pipeline = ship_all(Files(), archive)

    assert delivered_on_disk(archive) == service.accepted
    assert manifest_rows(archive) == 5 and pipeline.state.gaps == 0


def test_rows_spooled_again_after_they_were_archived_are_archived_once(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    assert service.collect("inputs", 0)
    pipeline = new_pipeline(Files(), archive)
    assert pipeline.step().rows == 1
    path = only_segment(archive)
    at, content, _ = frames_of(path)[-1]
    with path.open("r+b") as file:
        file.seek(at + len(content))
        file.write(content)
    service.kill()

    pipeline.step()

    assert delivered_on_disk(archive) == service.accepted


def test_a_hole_in_the_numbers_is_reported_exactly(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    for number in range(3):
        assert service.collect("inputs", number)
    pipeline = new_pipeline(Files(), archive)
    assert pipeline.step().rows == 3
    for number in range(3, 10):
        assert service.collect("inputs", number)
    service.kill()
    path = only_segment(archive)
    data = [one for one in frames_of(path) if one[2].kind == frame.DATA]
    content = bytearray(path.read_bytes())
    for at, taken, _ in data[5:7]:
        content[at : at + len(taken)] = b"\xff" * len(taken)
    path.write_bytes(content)

    pipeline.step()

    assert pipeline.state.gaps == 2
    lost = [(first, last) for _, line in manifest_lines(archive) for _, first, last, _ in line.get("lost", ())]
    assert lost == [(5, 6)]
    assert set(delivered_on_disk(archive)) == {("inputs", str(number)) for number in (0, 1, 2, 3, 4, 7, 8, 9)}


def test_a_segment_that_could_not_be_removed_is_not_archived_again(tmp_path: Path) -> None:
    archive = str(tmp_path / "a")
    service = Service(Files(), archive)
    for number in range(5):
        assert service.collect("inputs", number)
    service.writer.close(NOON)
    pipeline = new_pipeline(Files(), archive)
    for _ in range(3):
        pipeline.step()  # and nobody removes what is finished

    other = Service(Files(), archive)
    assert other.collect("inputs", 99)
    for _ in range(4):
        pipeline.step()
    pipeline = new_pipeline(Files(), archive)
    for _ in range(4):
        pipeline.step()

    assert delivered_on_disk(archive) == service.accepted + other.accepted
    other.kill()

"""Tables of a run of the peers: for the terminal, and for docs/performance.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, STOP = "<!-- peers: drawn by `python -m benchmarks page` -->", "<!-- end of peers -->"
ALIKE = 1.5
"""Cells move by as much between runs: a ratio below it says nothing."""
CASES = ("list of 4", "numpy 1x4", "numpy 1x784 float32", "DataFrame 1x4", "DataFrame 1x20", "DataFrame 1000x20")
HUGE = "DataFrame 100000x20"
"""Hot only, and not for everybody: a call may take seconds."""
CARRIES = ("column names", "dtypes", "time", "ids", "sequence")
PACED, HOT = "paced", "hot"
PLOT = "img/peers-paced.svg"
"""Beside the page."""


BOUNDS = """These are the limits where an aim is missed:

- **Data frames, paced**: the code and the caches are cold after 4 ms, and a frame has an index of labels of its own here. pyarrow
  compares them with those of the plan: 20 µs then. One index that all frames share spares it ("The compiled part").
- **DataFrame 1x4, paced**, against orjson: `to_numpy().tolist()` asks for neither names nor types, and its line has none. With
  those (the line below it) it takes three times as much as ours.
- **DataFrame 1x20, paced**, against azureml-ai-monitoring: that one keeps a reference to the frame and reads it later, in
  the service's process. Ours is on the disk. The time goes into three columns of text: their letters have to be copied now.
- **DataFrame 1000x20, paced**, against orjson: 4 ms of silence leave 160 KB of the frame's own values cold, for both.
- **DataFrame 100000x20** against the original: less than one `os.write` of the same bytes. The rest is the memory's."""


def tables(result: dict[str, Any], again: Sequence[dict[str, Any]] = ()) -> str:
    """Everything that a run found, as Markdown. again: other runs, that may contradict it where something was aimed at."""
    parts = [
        f"Paced, median µs (times modeldata's):\n\n{_times(result, PACED, _median)}",
        f"Hot, median µs (times modeldata's):\n\n{_times(result, HOT, _median)}",
        f"What was aimed at: times faster than the peer, or times the floor (medians):\n\n{aims([result, *again])}\n\n{BOUNDS}",
        _faster(result),
        f"Paced, p99 / p99.9, µs (~: fewer than 1,000 calls, near the slowest of them):\n\n{_times(result, PACED, _tail)}",
        f"Hot, p99 / p99.9, µs:\n\n{_times(result, HOT, _tail)}",
        f"{_left_title(result)}\n\n{_left(result)}",
        _missing(result),
    ]
    return "\n\n".join(part for part in parts if part)


def write(result: dict[str, Any], again: Sequence[dict[str, Any]] = ()) -> None:
    """Replaces the section between its marks in the page, or appends it."""
    text = PAGE.read_text() if PAGE.exists() else ""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(STOP)
    PAGE.write_text(f"{before.rstrip()}\n\n{BEGIN}\n{section(result, again)}\n{STOP}\n{after.lstrip()}")


def section(result: dict[str, Any], again: Sequence[dict[str, Any]] = ()) -> str:
    """What the page says of a run, and of others of the same: of the same runs always the same."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items() if version)
    notes = "\n".join(f"- {about['title']}: {about['note']}." for about in result["peers"].values() if about["note"])
    return f"""## Beside what else one could use

`python -m benchmarks peers`, {result["at"][:10]}, {result["seconds"]} s on a shared machine
({result["machine"]}), Python {result["python"]}. Every peer has a process of its own and its fastest form. They take turns
in random order, so that a drift of the machine hits all alike. **Hot** is a loop. **Paced** is one call per 4 ms, as in
a service:
caches are cold. Data is different from call to call. "1x20" is 14 floats, 3 whole numbers and 3 texts. In brackets: times
modeldata's. Single cells move by {ALIKE} between runs: ratios within that are shown as ≈.

{notes}

{tables(result, again)}

An id is one that the caller or the request gives. The tables do not show that only modeldata and the two
azureml packages bring rows to an archive. The others end at a local file.

Versions: `{versions}`. The figures are in `benchmarks/results/reference.json`{_others(again)}."""


def _others(again: Sequence[dict[str, Any]]) -> str:
    report = ", ".join(f"{run['at'].replace('T', ' ')} UTC, {run['seconds']} s" for run in again)
    return f", those of another run beside it ({report}). Where aims are measured, both have a figure" if again else ""


def _times(result: dict[str, Any], regime: str, cell: Callable[[dict[str, float], dict[str, float] | None], str]) -> str:
    ours: dict[str, Any] = next(iter(result["peers"].values()))["times"]
    cases = [case for case in (*CASES, HUGE) if f"{case}, {regime}" in ours]
    rows = []
    for at, about in enumerate(result["peers"].values()):
        figures = [(about["times"].get(f"{case}, {regime}"), ours[f"{case}, {regime}"]) for case in cases]
        rows.append([about["title"], *(cell(own, base if at else None) if own else "-" for own, base in figures)])
    return table(["", *cases], rows)


def _median(own: dict[str, float], base: dict[str, float] | None) -> str:
    return number(own["median"]) + (f" ({_ratio(own['median'] / base['median'])})" if base else "")


def _tail(own: dict[str, float], _: dict[str, float] | None) -> str:
    return f"{number(own['p99'])} / {'' if own['calls'] >= 1000 else '~'}{number(own['p99.9'])}"


ORIGINAL, ORJSON = "peer_original:Original", "peer_orjson:Orjson"
AZUREML_AI, OS_WRITE = "peer_azureml_ai:AzuremlAi", "peer_floors:OsWrite"
AIMS = (
    (ORIGINAL, HOT, {"list of 4": 3, "numpy 1x4": 250, "numpy 1x784 float32": 400, "DataFrame 1x4": 150, "DataFrame 1x20": 60,
                     "DataFrame 1000x20": 120, HUGE: 300}),
    (ORIGINAL, PACED, {"list of 4": 2, "numpy 1x4": 50, "numpy 1x784 float32": 80, "DataFrame 1x4": 30, "DataFrame 1x20": 20}),
    (ORJSON, HOT, {"DataFrame 1x4": 1, "DataFrame 1x20": 3, "DataFrame 1000x20": 8}),
    (ORJSON, PACED, {"DataFrame 1x4": 1, "DataFrame 1x20": 3, "DataFrame 1000x20": 8}),
    (AZUREML_AI, PACED, {"DataFrame 1x4": 1, "DataFrame 1x20": 1}),
)  # fmt: skip
"""At least so many times as fast as that peer."""
FLOORS = (
    (OS_WRITE, HOT, {"list of 4": 2, "numpy 1x4": 3, "DataFrame 1x4": 6, "DataFrame 1x20": 20, HUGE: 1.5}),
)  # fmt: skip
"""At most so many times the floor."""


def _title(result: dict[str, Any], path: str) -> str:
    title: str = result["peers"][path]["title"]
    return title


def aims(runs: Sequence[dict[str, Any]]) -> str:
    rows = []
    for wishes, floor in ((AIMS, False), (FLOORS, True)):
        for path, regime, wanted in wishes:
            for case, aim in wanted.items():
                ratios = [ratio for run in runs if (ratio := _measured(run, path, f"{case}, {regime}", floor)) is not None]
                if ratios:
                    met = {ratio <= aim if floor else ratio >= aim for ratio in ratios}
                    wish, found = f"at {'most' if floor else 'least'} {aim}", " and ".join(f"{ratio:,.3g}" for ratio in ratios)
                    rows.append([_title(runs[0], path), f"{case}, {regime}", wish, found, _verdict(met)])
    return table(["against", "call", "aim", "measured", "met"], rows)


def _measured(run: dict[str, Any], path: str, call: str, floor: bool) -> float | None:
    ours = next(iter(run["peers"].values()))["times"].get(call)
    theirs = run["peers"].get(path, {"times": {}})["times"].get(call)
    if ours is None or theirs is None:
        return None
    ratio: float = ours["median"] / theirs["median"]
    return ratio if floor else 1 / ratio


def _verdict(met: set[bool]) -> str:
    return "the runs disagree" if len(met) > 1 else "yes" if met == {True} else "**no**"


def _ratio(ratio: float) -> str:
    if 1 / ALIKE < ratio < ALIKE:
        return "≈"
    return f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.1f}x" if ratio >= 1 else f"{ratio:.1g}x"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.1f}"


def _faster(result: dict[str, Any]) -> str:
    """Where a peer clearly takes less than we do. Floors do so by nature and are left out."""
    (_, ours), *others = result["peers"].items()
    found = []
    for path, about in others:
        if about["title"].startswith("floor"):
            continue
        lacks = ", ".join(_lacks(about, result["ends"].get(path, {})))
        for regime in (PACED, HOT):
            ratios = {
                case: ours["times"][f"{case}, {regime}"]["median"] / own["median"] for case, own in _of(about["times"], regime)
            }
            clear = [f"{case} {ratio:.1f}x" for case, ratio in ratios.items() if ratio >= ALIKE]
            if clear:
                found.append(f"- {about['title']}{f' (without {lacks})' if lacks else ''}, {regime}: {', '.join(clear)}.")
    return "\n".join(["Faster than modeldata, not counting floors:\n", *(found or ["- none."])])


def _lacks(about: dict[str, Any], ends: dict[str, dict[str, int]]) -> list[str]:
    """What of `CARRIES` a reader does not find, and whether all rows are there after SIGKILL."""
    lost = any(end["found"] < end["calls"] for name, end in ends.items() if "SIGKILL" in name)
    return [name for name in CARRIES if not any(found.startswith(name) for found in about["carries"])] + [
        "all rows after SIGKILL"
    ] * lost


def _of(times: dict[str, Any], regime: str) -> Iterable[tuple[str, dict[str, float]]]:
    return ((case, times[f"{case}, {regime}"]) for case in CASES if f"{case}, {regime}" in times)


def _left_title(result: dict[str, Any]) -> str:
    return (
        f"What a record carries, and what is left of {result['end_calls']:,} calls ({result['end_case']}) when the process ends"
        " right after the last one. Cells are rows found of rows accepted (rows refused by the peer)."
    )


def _left(result: dict[str, Any]) -> str:
    ends = list(next(iter(result["ends"].values())))
    rows = []
    for path, about in result["peers"].items():
        if about["title"].startswith("floor"):
            continue
        carried = [next((_mark(name, found) for found in about["carries"] if found.startswith(name)), "-") for name in CARRIES]
        rows.append([about["title"], *carried, *(_end(result["ends"].get(path, {}).get(end)) for end in ends)])
    return table(["", *CARRIES, *ends], rows)


def _mark(name: str, found: str) -> str:
    return "yes" if found == name else found.removeprefix(name).strip(" ()")


def _end(end: dict[str, int] | None) -> str:
    if end is None:
        return "not known"
    refused = end["calls"] - end["accepted"]
    return f"{end['found']:,} of {end['accepted']:,}" + (f" ({refused:,})" if refused else "")


def _missing(result: dict[str, Any]) -> str:
    report = [f"- {name} could not be installed: {why}" for name, why in result["not_installed"].items()]
    report += [f"- {path} did not run: {why}" for path, why in result["failed"].items()]
    return "\n".join(["Not measured:\n", *report]) if report else ""


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    return "\n".join(
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in lines
    )

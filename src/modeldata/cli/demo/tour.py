"""The demo from its beginning to its end: serve, ask, wait for the archive, compare, show."""

from __future__ import annotations

import importlib.util
import secrets
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from modeldata.cli.demo import archive, service, show
from modeldata.errors import ModelDataError

if TYPE_CHECKING:
    from types import ModuleType

    from rich.console import Console

    from modeldata.cli.demo.archive import Check
    from modeldata.cli.demo.service import Measured, Sent

CLIENTS, BATCH = 4, 16
PATIENCE = 60.0
"""Seconds that the rows may take to the archive; one or two are usual."""
INPUTS, PREDICTIONS = "inputs", "prediction"


class Tour:
    """One run. The correlation ids of its rows begin with `name`, so that other runs do not mix with it."""

    def __init__(self, archive: Path, out: Console) -> None:
        self.archive = archive
        self.name = secrets.token_hex(3)
        self.out = out

    def run(self) -> list[Check]:
        """For each collector: is every row that was sent in the archive once, as it was sent?"""
        sent, labels, measured = self._serve()
        checks = self._show_rows(sent, labels)
        self._show_cost(measured)
        self._show_way_on()
        return checks

    def _serve(self) -> tuple[list[Sent], dict[str, str], Measured]:
        """Run the service, ask it, wait for the archive. What was sent, the truth for single rows, what was measured."""
        try:
            self.archive.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelDataError("make the archive's folder", str(self.archive), cause=error.strerror or str(error)) from error
        self._say("1  A model service: scikit-learn behind FastAPI and uvicorn")
        self.out.print("Training the model and starting the service; a few seconds.")
        example = _module(service.example_folder() / "train.py")
        table, benign = example.held_out()
        rows: list[service.Row] = table.to_dict("records")
        with service.Service(self.archive, self._report) as running:
            self.out.print(f"Its model is trained (is a tumour malignant?); it listens at\n{running.url}")
            sent = service.send(running.url, rows, self.name, clients=CLIENTS, batch=BATCH)
            answered = time.monotonic()
            self.out.print(
                f"{CLIENTS} clients at once had {len(sent)} requests answered: {len(rows)} rows that the model has not\n"
                f"seen, each alone, and again in batches of {BATCH}."
            )
            expected = sum(len(request.rows) for request in sent)
            all_there = archive.wait_until_archived(self.archive, [INPUTS, PREDICTIONS], self.name, expected, PATIENCE)
            what = "All of it was" if all_there else "Not all of it was"
            self.out.print(f"{what} in the archive {time.monotonic() - answered:.1f} s after the last answer.")
            measured = running.stop()
        truth = ["benign" if request else "malignant" for request in benign]
        return sent, {service.call_of(self.name, at): label for at, label in enumerate(truth)}, measured

    def _show_rows(self, sent: list[Sent], labels: dict[str, str]) -> list[Check]:
        inputs = archive.read(self.archive, INPUTS, self.name)
        predictions = archive.read(self.archive, PREDICTIONS, self.name)
        self._say("2  What is in the archive")
        self.out.print(show.tree(self.archive))
        if len(inputs) and len(predictions):
            self._say("3  The inputs, as pandas reads them")
            self.out.print(show.first_rows(inputs))
            self._say("4  Inputs beside predictions, joined by correlation id, and what the biopsy said")
            both = archive.joined(inputs, predictions)
            self.out.print(show.pairs(both, labels))
            right, known = archive.right(both, labels)
            self.out.print(f"From the archive alone: the model was right about {right} of {known} ({right / max(known, 1):.1%}).")
        self._say("5  Sent over HTTP = archived?")
        checks = [
            archive.compare(INPUTS, inputs, archive.asked(sent)),
            archive.compare(PREDICTIONS, predictions, archive.answered(sent)),
        ]
        self.out.print(show.counts(checks))
        return checks

    def _show_cost(self, measured: Measured) -> None:
        self._say(f"6  What collecting cost, with {CLIENTS} clients at once")
        self.out.print(show.cost(measured))
        self.out.print(show.meaning(measured))

    def _show_way_on(self) -> None:
        self._say("7  It is yours")
        where, command = _typed(self.archive), _command()
        self.out.print(f"{self.archive}\nOpen a data.csv with whatever you like. To look further:", soft_wrap=True, markup=False)
        for line in (
            f"{command} ls --archive {where}",
            f"{command} stats breast_cancer/{INPUTS} --archive {where}",
            f"{command} tail -f breast_cancer/{INPUTS} --archive {where}",
            f"{command} audit {where}",
            f"{command} ui {where} --open",
            f"duckdb.sql(\"from '{where}/*/*/*/{INPUTS}/*/*/*/*.csv'\")",
        ):
            self.out.print(f"  {line}", soft_wrap=True, markup=False, style="cyan")

    def _report(self, text: str) -> None:
        """A line of plain text, from any thread."""
        self.out.print(text, markup=False, soft_wrap=True, style="dim")

    def _say(self, text: str) -> None:
        self.out.print(f"\n[bold]{text}[/]")


def _module(path: Path) -> ModuleType:
    """A file of the example, as a module of its own name."""
    spec = importlib.util.spec_from_file_location(f"modeldata_demo_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _typed(path: Path) -> str:
    """As one would type it from here."""
    short = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return shlex.quote(str(short))


def _command() -> str:
    """What was typed to get here."""
    called = Path(sys.argv[0])
    if called.stem == "__main__":
        return "python -m modeldata"
    return called.stem if shutil.which(called.stem) == str(called) else _typed(called.absolute())

"""The guards, how each is switched off, and the tests that must notice: one module a room of `src/`. See `mutants`."""

from __future__ import annotations

from tests.faults import hostile
from tests.faults.mutant import Mutant
from tests.faults.mutants_list import (
    archive,
    catalog,
    cli,
    collect,
    heads,
    keep,
    native,
    native_shipper,
    read,
    segments,
    service,
    ship,
    spool,
    ui,
    values,
    windows,
)

MUTANTS: tuple[Mutant, ...] = (
    *segments.MUTANTS,
    *spool.MUTANTS,
    *ship.MUTANTS,
    *heads.MUTANTS,
    *archive.MUTANTS,
    *catalog.MUTANTS,
    *keep.MUTANTS,
    *collect.MUTANTS,
    *cli.MUTANTS,
    *read.MUTANTS,
    *values.MUTANTS,
    *native.MUTANTS,
    *native_shipper.MUTANTS,
    *ui.MUTANTS,
    *windows.MUTANTS,
    *service.MUTANTS,
    *hostile.MUTANTS,
)

"""Ship what waits in a spool once, as its leader, and leave: for `modeldata ship --drain`, and for spools that nobody tends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeldata.errors import ModelDataError, mask
from modeldata.ship.failure_report import failure_text
from modeldata.ship.former_spools import former_spools, is_quiet
from modeldata.ship.leader import make_fleet
from modeldata.spool.lock import Leadership

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeldata.settings import Settings
    from modeldata.ship.former_spools import FormerSpool
    from modeldata.ship.leader import Surroundings

LOOK_SECONDS = 60.0


def drain_former(former: FormerSpool, around: Surroundings) -> str | None:
    """Ship a spool that nobody tends; why it did not succeed, None where it did or where somebody else ships it."""
    if former.settings is None:
        where = ", ".join(mask(url) for url in former.missing)
        return f"rows wait in {former.place.folder} for an archive that is not found: {where}"
    lead = Leadership.take(former.place.leader_lock, around.files)
    if lead is None:
        return None
    reason = None
    try:
        for worker in make_fleet(former.place, former.settings, lead, around):
            if former.missing:
                worker.fleet = [*worker.fleet, None]  # what waits for it stays
            try:
                worker.drain()
            except (ModelDataError, OSError) as error:
                reason = failure_text(error)
    except (ModelDataError, OSError) as error:
        reason = failure_text(error)
    finally:
        lead.release()
    return reason


def drain_formers(settings: Settings, own: str, around: Surroundings, env: Mapping[str, str]) -> list[str]:
    """Ship every spool that nobody tends, once; what stands in the way, one text each."""
    reasons = []
    for former in former_spools(settings, own, around.files, env):
        if is_quiet(former, around.files, around.wall_ns()):
            reasons.append(drain_former(former, around))
    return [reason for reason in reasons if reason is not None]


def keep_draining(settings: Settings, own: str, around: Surroundings, env: Mapping[str, str]) -> None:
    """`drain_formers` now and each minute, until it is time to leave. Each trouble is reported once."""
    known: set[str] = set()
    while True:
        for reason in drain_formers(settings, own, around, env):
            if reason not in known:
                known.add(reason)
                around.warn(reason)
        if around.wait(LOOK_SECONDS):
            return

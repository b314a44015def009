"""Keywords that an editor completes, of `Archive(...)` and of collectors. Only type checkers import this."""

from __future__ import annotations

import os
from typing import Literal, TypeAlias, TypedDict

PathText: TypeAlias = str | os.PathLike[str]
Bytes: TypeAlias = int | str
"""A number of bytes, or text such as "64M" or "1GiB"."""
Seconds: TypeAlias = float | str
"""A number of seconds, or text such as "500ms", "5s" or "2min"."""


class SettingsOptions(TypedDict, total=False):
    """Every setting but the archive itself; the README has a table of them. None: as if it was not given.

    spool: the local folder that rows wait in; by default beside a local archive.
    spool_max_bytes, when_full, block_timeout: the limit of the spool, and what becomes of rows at the limit.
    ship: who sends rows on: a child process, a thread, or ("off") a `modeldata ship` that somebody runs.
    batch_bytes, batch_seconds: how much, or how long, rows are gathered before they are sent.
    heads, heads_key: a second place for the heads that prove what was archived, and the key that signs them.
    on_error: "raise" lets `collect()` raise `ModelDataError` instead of returning False.
    """

    allow_insecure: bool | None
    allow_network_spool: bool | None
    batch_bytes: Bytes | None
    batch_seconds: Seconds | None
    block_timeout: Seconds | None
    config_map: str | None
    credentials: PathText | None
    debug: bool | None
    enabled: bool | None
    excel_safe: bool | None
    exit_timeout: Seconds | None
    format: Literal["csv", "jsonl", "parquet"] | None
    fsync: Literal["always", "interval", "never"] | None
    fsync_seconds: Seconds | None
    heads: str | None
    heads_key: str | None
    hour_folders: bool | None
    max_row_bytes: Bytes | None
    min_free_bytes: Bytes | None
    on_error: Literal["drop", "raise"] | None
    service_name: str | None
    ship: Literal["auto", "process", "thread", "off"] | None
    spool: PathText | None
    spool_max_bytes: Bytes | None
    when_full: Literal["drop_newest", "drop_oldest", "block"] | None


class IdentityOptions(TypedDict, total=False):
    """Where a model belongs, as for `ModelDataCollector`; parts of the path in the archive."""

    model_management_account_id: str
    webservice_name: str
    model_id: str
    model_version: str

"""Settings: one frozen value, built in one place, from arguments, then the environment, a settings file, then defaults."""

from __future__ import annotations

import os

from modeldata import urls
from modeldata.errors import SettingsError, mask
from modeldata.format.files import FORMATS
from modeldata.settings.archives import absolute, check_archive, key_of, unique
from modeldata.settings.file import NO_FILE, SettingsFile, find_file
from modeldata.settings.folders import SPOOL_PREFIX, state_folder, state_folders, user_name
from modeldata.settings.heads import is_key_text, kept
from modeldata.settings.table import LAYOUT, REMOTE_SECONDS, SETTINGS, value_of
from modeldata.urls import local_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Unpack

    from modeldata.keywords import PathText, SettingsOptions
    from modeldata.settings.table import Value

    _Archives = PathText | Sequence[PathText] | None

AML_ARCHIVE = "az://modeldata"
"""Where the original put its data, in the storage account of `AML_MODEL_DC_STORAGE`."""
AML_STORAGE = "AML_MODEL_DC_STORAGE"


class Settings:
    """All settings of an archive. Frozen; equal when all values are. `origin` says where each came from.

    archive: a URL; local ones are absolute paths. spool: an absolute path, None for a default place (`spool_folders`).
    Sizes are in bytes, times in seconds.
    """

    __slots__ = (*SETTINGS, "origin", "others")

    allow_insecure: bool
    allow_network_spool: bool
    archive: str
    batch_bytes: int
    batch_seconds: float
    block_timeout: float
    config_map: str
    credentials: str | None
    debug: bool
    enabled: bool
    excel_safe: bool
    exit_timeout: float
    format: str
    fsync: str
    fsync_seconds: float
    heads: str
    heads_key: str
    hour_folders: bool
    max_row_bytes: int
    min_free_bytes: int
    on_error: str
    origin: Mapping[str, str]
    others: tuple[str, ...]
    """The archives that rows of these settings go to besides, where these are for one of several (`only`)."""
    service_name: str
    ship: str
    spool: str | None
    spool_max_bytes: int
    when_full: str

    @classmethod
    def build(
        cls,
        env: Mapping[str, str],
        *,
        archive: _Archives = None,
        enabled_default: bool = True,
        file: SettingsFile = NO_FILE,
        **options: Unpack[SettingsOptions],
    ) -> Settings:
        """The settings that arguments, environment, file and defaults give, in this order.

        Raises `SettingsError` for a value that is not valid, naming the argument or variable.
        """
        given = {**options, "archive": None if archive is None else _listed(archive)}
        unknown = sorted(set(given) - set(SETTINGS))
        if unknown:
            cause, hint = "unknown: " + ", ".join(unknown), "known are " + ", ".join(SETTINGS)
            raise SettingsError("understand the settings", cause=cause, hint=hint)
        values: dict[str, object] = {"others": ()}
        origin = values["origin"] = dict[str, str]()
        for name, setting in SETTINGS.items():
            values[name], origin[name] = value_of(setting, given, env, file)
        if origin["enabled"] == "default":
            values["enabled"] = enabled_default
        settings = cls._of(values)
        settings._settle(env, origin)
        return settings

    @classmethod
    def here(
        cls,
        env: Mapping[str, str],
        *,
        archive: _Archives = None,
        enabled_default: bool = True,
        **options: Unpack[SettingsOptions],
    ) -> Settings:
        """As `build`, with the settings file of the working directory or of `env`. A process of ours is given all settings in
        its environment, and needs no file: it calls `build`."""
        return cls.build(env, archive=archive, enabled_default=enabled_default, file=find_file(env), **options)

    @classmethod
    def _of(cls, values: Mapping[str, object]) -> Settings:
        settings = cls.__new__(cls)
        for name, value in values.items():
            object.__setattr__(settings, name, value)
        return settings

    def _settle(self, env: Mapping[str, str], origin: dict[str, str]) -> None:
        """What depends on other settings or on where we are: the archives' URLs, paths, how long a batch waits."""
        text = self.archive
        if not text and env.get(AML_STORAGE):
            text, origin["archive"] = AML_ARCHIVE, AML_STORAGE
        archives = [check_archive(url, opened=self.enabled) for url in urls.split(text or "modeldata")]
        if not archives:
            raise SettingsError("open the archive", text, cause="it names none", hint="set MODELDATA_ARCHIVE to a path or URL")
        object.__setattr__(self, "archive", urls.SEPARATOR.join(unique(archives)))
        self._size_batches(any(urls.scheme_of(url) for url in archives), origin)
        for name in ("spool", "credentials"):
            path = getattr(self, name)
            if path is None:
                continue
            local = local_folder(path)
            if local is None:
                raise SettingsError(f"use the {name}", path, cause="it is not local", hint="give a local path")
            object.__setattr__(self, name, absolute(local))
        for name in ("heads", "heads_key"):
            object.__setattr__(self, name, kept(getattr(self, name)))

    def _size_batches(self, remote: bool, origin: Mapping[str, str]) -> None:
        facts = FORMATS[self.format]
        seconds = facts.batch_seconds or (REMOTE_SECONDS if remote else None)
        for name, value in (("batch_seconds", seconds), ("batch_bytes", facts.batch_bytes)):
            if value is not None and origin[name] == "default":
                object.__setattr__(self, name, value)

    @property
    def archives(self) -> list[str]:
        """The URLs of `archive`, one each."""
        return list(urls.split(self.archive))

    @property
    def layout(self) -> dict[str, Value]:
        """What the archive should look like: goes with the rows."""
        return {name: getattr(self, name) for name in LAYOUT}

    def _with(self, **changes: object) -> Settings:
        return self._of({**{name: getattr(self, name) for name in self.__slots__}, **changes})

    def only(self, url: str) -> Settings:
        """The same settings for one of its archives."""
        return self._with(archive=url, others=tuple(other for other in (*self.archives, *self.others) if other != url))

    def with_origin(self, origins: Mapping[str, str]) -> Settings:
        """The same settings, said to come from elsewhere (setting → where)."""
        return self._with(origin={**self.origin, **origins})

    def spool_folder(self, env: Mapping[str, str] | None = None) -> str:
        """The best of `spool_folders`: the usual one."""
        return self.spool_folders(os.environ if env is None else env)[0]

    def spool_folders(self, env: Mapping[str, str]) -> list[str]:
        """Where rows may wait, the best place first; `locate_spool` chooses. Found when it is asked for: a server may change its
        user after the settings were built, and users never share a spool.

        A spool that was named is a root with a folder for each archive, so two archives may share it; the second place is for a
        user who finds the first to be another's. Else beside a local
        archive, or below the state directories that `env` gives. Raises `SpoolError` where there is no such place.
        """
        key = self.spool_key()
        if self.spool is not None:
            return [os.path.join(self.spool, name) for name in (key, f"{key}-{user_name(env)}")]
        places = [os.path.join(root, key) for root in state_folders(env)]
        if len(self.archives) == 1 and not urls.scheme_of(self.archive):
            places.insert(0, os.path.join(local_folder(self.archive) or "", SPOOL_PREFIX + user_name(env)))
        return places or [state_folder(env)]

    def of_spool(self, folder: str) -> Settings:
        """The same settings for whoever ships the spool that was opened as `folder`: where it lies beside its archive, for that
        archive, although the link on the way to it may lead elsewhere by now."""
        beside, name = os.path.split(folder)
        if self.spool is not None or len(self.archives) > 1 or not name.startswith(SPOOL_PREFIX):
            return self
        return self._with(archive=urls.listable(beside))

    def sink_key(self) -> str:
        """A short name for the archive as it is spelled."""
        return key_of(self.archive)

    def spool_key(self) -> str:
        """A short name for the archives, in whatever order they are."""
        return key_of(urls.SEPARATOR.join(sorted(self.archives)))

    def to_env(self) -> dict[str, str]:
        """The environment that builds these settings again. Has no secret: a key that was given as text is not in it."""
        return self.variables(name for name in SETTINGS if name != "heads_key" or not is_key_text(self.heads_key))

    def variables(self, names: Iterable[str]) -> dict[str, str]:
        """The settings `names` as environment variables."""
        return {SETTINGS[name].variables[0]: SETTINGS[name].as_text(getattr(self, name)) for name in names}

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"settings can't be changed ({name})")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"settings can't be changed ({name})")

    def _values(self) -> tuple[Value, ...]:
        return tuple(getattr(self, name) for name in SETTINGS)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        values = dict(zip(SETTINGS, self._values(), strict=True))
        shown = ", ".join(f"{name}={mask(value) if isinstance(value, str) else value!r}" for name, value in values.items())
        return f"Settings({shown})"


def _listed(archive: PathText | Sequence[PathText]) -> object:
    if isinstance(archive, (list, tuple)):
        texts = [_listed(url) for url in archive]
        wrong = next((text for text in texts if not isinstance(text, str)), None)
        return wrong if wrong is not None else urls.SEPARATOR.join(map(str, texts))
    return urls.listable(os.fspath(archive)) if isinstance(archive, os.PathLike) else archive

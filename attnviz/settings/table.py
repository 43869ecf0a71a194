"""The settings as pydantic-settings reads them: kinds and sources. Nothing but `reading` needs it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from attnviz.settings.names import PREFIX


def _listed(said: Any) -> Any:
    """A list as variables and options write it, parted by commas."""
    return tuple(one.strip() for one in said.split(",") if one.strip()) if isinstance(said, str) else said


def _digit(said: Any) -> Any:
    """A file may write 1 for "1"."""
    return str(said) if isinstance(said, int) and not isinstance(said, bool) else said


Size = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Names = Annotated[str, Field(pattern=r"^[A-Za-z0-9.*:/,_ \[\]-]{1,1000}$")]
Words = Annotated[str, Field(min_length=1, max_length=40)]


class _Given(BaseSettings):
    """Each as it was set, None where it was not; `attnviz.settings.names.TABLE` has what it is then."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", str_strip_whitespace=True, cli_exit_on_error=False,
        cli_kebab_case=True, cli_prog_name="attnviz",
    )  # fmt: skip

    hosted: bool | None = None
    allow: Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_listed)] = None
    folders: bool | None = None
    browse: Annotated[Literal["auto", "0", "1"] | None, BeforeValidator(_digit)] = None
    characters: Annotated[int | None, Field(ge=0, le=10**9)] = None
    models_mb: Size | None = None
    runs_mb: Size | None = None
    memory_mb: Size | None = None
    at_once: Annotated[int | None, Field(ge=0, le=1000)] = None
    seconds: Annotated[float | None, Field(ge=0, le=1e6, allow_inf_nan=False)] = None
    downloads_mb: Size | None = None
    upload_mb: Size | None = None
    hosts: Names | None = None
    frames: Names | None = None
    metrics: bool | None = None
    device: Words | None = None
    dtype: Words | None = None


def read(words: Sequence[str], file: Path | None) -> dict[str, Any]:
    """What options, variables and a file say. Raises pydantic's errors, and `ValueError` for a file that is no TOML."""

    class Given(_Given):
        model_config = SettingsConfigDict(cli_parse_args=list(words))

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return env_settings, *([] if file is None else [TomlConfigSettingsSource(settings_cls, file)])

    return Given().model_dump(exclude_none=True)

"""Choose a picture: a sample, a file of this device or of the machine that runs the app, the camera's, one pasted."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit.controls import offer_samples
from attnviz.ui.kit.languages import t
from attnviz.ui.kit.opening import open_folders, opened_bytes, opened_path

if TYPE_CHECKING:
    from attnviz.pictures import Picture

SOURCES = ("samples", "file", "camera")
TYPES = ("png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff")


def png(picture: Picture, most: int = 800) -> bytes:
    """A picture as a file for the browser, its longer side at most so many pixels."""
    image, file = picture.image(), BytesIO()
    image.thumbnail((most, most))
    image.save(file, "PNG")
    return file.getvalue()


def picture_address(picture: Picture, most: int = 800) -> str:
    """A picture inside the page itself."""
    return "data:image/png;base64," + b64encode(png(picture, most)).decode()


@dataclass(frozen=True)
class Pictures:
    """How a page's picture is chosen. Its keys begin with `key`: `sample`, `path` (both in the link), `brought`.

    `names` gives the samples as they are called, Markdown by name, and `open` one of them. `label` and `about` are said
    over the samples; `forget` is called where another picture comes, for what belonged to the one before.
    """

    key: str
    names: Callable[[], Mapping[str, str]]
    open: Callable[[str], Picture]
    label: str
    about: str
    forget: Callable[[], None]

    def choose(self) -> Picture:
        """A sample, a file or the camera's picture. Raises `PictureError`."""
        st.session_state.setdefault(self.key + "source", "file" if self._now("path") else "samples")
        source = st.segmented_control(
            t("picture.source"), SOURCES, key=self.key + "source", format_func=lambda name: t(f"picture.source_{name}"),
            required=True, wrap=True, label_visibility="collapsed", width="stretch",
        )  # fmt: skip
        {"samples": self._samples, "file": self._file, "camera": self._camera}[source or "samples"]()
        brought = self._now("brought")
        if brought is not None:
            st.caption(t("picture.not_in_link"))
            return opened_bytes(*brought)
        if self._now("path"):
            return opened_path(str(self._now("path")))
        return self.open(str(self._now("sample")))

    @property
    def own(self) -> bool:
        """Is the picture one that was brought, no sample?"""
        return self._now("brought") is not None or bool(self._now("path"))

    def paste(self, found: Mapping[str, Any]) -> None:
        """A picture was pasted, anywhere on the page: its `name`, and its `data` as text."""
        st.session_state[self.key + "source"] = "file"
        self._take((b64decode(found["data"]), str(found["name"])), "")

    def _now(self, name: str) -> Any:
        return st.session_state.get(self.key + name)

    def _samples(self) -> None:
        """Held-out pictures to click, each seen small beside its name."""
        names = self.names()
        with st.container(key=self.key + "samples"):
            offer_samples(
                self.key + "pick", names, self._take_sample, label=self.label, format_func=names.__getitem__,
                help=self.about,
            )  # fmt: skip

    def _file(self) -> None:
        """A file from this device, or, where that is allowed, the path of one on the machine that runs the app."""
        st.file_uploader(
            t("picture.upload"), list(TYPES), key=self.key + "upload", on_change=self._take_file, args=("upload",),
            help=t("picture.upload_help"),
        )  # fmt: skip
        if not open_folders():
            return
        st.session_state[self.key + "typed"] = self._now("path")
        st.text_input(
            t("picture.path"), key=self.key + "typed", on_change=self._take_path,
            placeholder=t("picture.path_placeholder"), help=t("picture.path_help"),
        )  # fmt: skip

    def _camera(self) -> None:
        """A picture taken now; the browser asks for the camera when this is open, and not before."""
        st.camera_input(
            t("picture.camera"), key=self.key + "camera", on_change=self._take_file, args=("camera",),
            help=t("picture.camera_help"),
        )  # fmt: skip

    def _take_sample(self, name: str) -> None:
        """A sample was clicked: it takes the place of a picture that was brought."""
        st.session_state[self.key + "sample"] = name
        self._take(None, "")

    def _take_file(self, key: str) -> None:
        """A file was given, or taken away again."""
        file = self._now(key)
        self._take(None if file is None else (file.getvalue(), file.name), "")

    def _take_path(self) -> None:
        self._take(None, str(self._now("typed") or "").strip().strip('"'))

    def _take(self, content: tuple[bytes, str] | None, path: str) -> None:
        """Another picture: what was brought, and where it lies."""
        st.session_state[self.key + "brought"], st.session_state[self.key + "path"] = content, path
        self.forget()

"""What people bring as pictures: it comes upright, in colour, of a size to be kept, or a sentence says why not."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

import attnviz as av
from attnviz.messages import LANGUAGES
from attnviz.pictures.opening import KEPT
from tests.unit.pictures.made import BLUE, GREEN, RED, WHITE, deep_colour, header, quarters, written

CORNERS = {(0, 0): RED, (0, -1): GREEN, (-1, 0): BLUE, (-1, -1): WHITE}


def ids(picture: av.Picture) -> list[str]:
    return [note.message for note in picture.notes]


def refused(source: Any) -> av.PictureError:
    """The sentence for what cannot be opened, said in both languages."""
    with pytest.raises(av.PictureError) as found:
        av.open_picture(source)
    for language in LANGUAGES:
        assert found.value.say(language)
    return found.value


def test_a_picture_is_the_same_from_a_file_its_bytes_pillow_and_numpy(tmp_path: Path) -> None:
    image = quarters()
    image.save(tmp_path / "flag.png")
    pixels = np.asarray(image)
    sources = (tmp_path / "flag.png", str(tmp_path / "flag.png"), (tmp_path / "flag.png").read_bytes(), image, pixels)
    for source in sources:
        found = av.open_picture(source)
        assert np.array_equal(found.pixels, pixels) and (found.width, found.height, found.notes) == (60, 40, ())
    assert av.open_picture(sources[0]).name == "flag.png" and av.open_picture(sources[2], name="x").name == "x"
    assert av.open_picture(found) is found


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "GIF"])
def test_every_format_without_loss_gives_the_pixels_back(kind: str) -> None:
    image = quarters()
    assert np.array_equal(av.open_picture(written(image, kind)).pixels, np.asarray(image))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "JPEG2000"])
def test_formats_with_loss_are_read(kind: str) -> None:
    if features.check({"JPEG": "jpg", "WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000"}[kind]):
        found = av.open_picture(written(quarters(64, 64), kind, **({"lossless": True} if kind == "WEBP" else {})))
        for (row, column), colour in CORNERS.items():
            assert np.abs(found.pixels[row, column].astype(int) - colour).max() < 16


TURNED = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_a_picture_comes_upright_however_the_camera_was_held(orientation: int, kind: str) -> None:
    """What the camera saved is what it saw, turned the other way round than `orientation` says."""
    saved, exif = quarters(64, 32), Image.Exif()
    if TURNED[orientation] is not None:
        saved = saved.transpose(TURNED[orientation])
    exif[0x0112] = orientation
    how: dict[str, Any] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}.get(kind, {})
    found = av.open_picture(written(saved, kind, exif=exif, **how))
    assert (found.width, found.height) == (64, 32)
    for (row, column), colour in CORNERS.items():
        assert np.abs(found.pixels[row, column].astype(int) - colour).max() < 16
    assert ids(found) == ([] if orientation == 1 else ["picture_turned"])


def test_damaged_exif_turns_nothing_and_refuses_nothing() -> None:
    found = av.open_picture(written(quarters(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x00broken"))
    assert found.width == 60 and found.notes == ()


def test_grey_palette_and_print_colours_become_red_green_and_blue() -> None:
    image = quarters()
    grey = np.asarray(image.convert("L"))
    assert np.array_equal(av.open_picture(written(image.convert("L"))).pixels, np.stack([grey] * 3, -1))
    palette = image.convert("P", palette=Image.Palette.ADAPTIVE)
    assert np.array_equal(av.open_picture(written(palette)).pixels, np.asarray(image))
    one = av.open_picture(written(image.convert("1"))).pixels
    assert set(np.unique(one)) <= {0, 255} and one.shape == (40, 60, 3)
    printed = av.open_picture(written(image.convert("CMYK"), "TIFF")).pixels
    assert np.abs(printed.astype(int) - np.asarray(image)).max() < 4


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_shines_through_is_laid_on_white_and_said(mode: str) -> None:
    alpha = np.full((40, 60), 255, np.uint8)
    alpha[:20] = 0
    image = Image.new("L" if mode == "LA" else "RGB", (60, 40), 0)
    image.putalpha(Image.fromarray(alpha))
    if mode == "P":
        image = image.quantize(4)
    found = av.open_picture(written(image))
    assert found.pixels[0, 0].tolist() == [255, 255, 255] and found.pixels[-1, -1].tolist() == [0, 0, 0]
    assert ids(found) == ["picture_on_white"]


def test_half_a_colour_on_white_is_half_way_to_white_and_a_full_one_is_not_mentioned() -> None:
    half = av.open_picture(np.full((2, 2, 4), (200, 0, 0, 128), np.uint8))
    expected = np.rint(np.array([200, 0, 0]) * 128 / 255 + 255 * 127 / 255)
    assert np.abs(half.pixels[0, 0] - expected).max() <= 1
    assert av.open_picture(np.full((2, 2, 4), (200, 0, 0, 255), np.uint8)).notes == ()


def test_a_colour_that_a_png_names_as_transparent_is_laid_on_white() -> None:
    found = av.open_picture(written(quarters(), transparency=BLUE))
    assert found.pixels[-1, 0].tolist() == list(WHITE) and found.pixels[0, 0].tolist() == list(RED)
    assert ids(found) == ["picture_on_white"]


def test_sixteen_bits_are_rounded_to_eight_and_said() -> None:
    values = np.array([[0, 257, 257 * 128 + 100], [257 * 128 + 200, 65534, 65535]], np.uint16)
    expected = np.rint(values / 257).astype(np.uint8)
    for source in (written(Image.fromarray(values)), written(Image.fromarray(values), "TIFF"), values):
        found = av.open_picture(source)
        assert np.array_equal(found.pixels, np.stack([expected] * 3, -1)) and ids(found) == ["picture_bits"]
    colours = np.stack([values, values[::-1], values * 0], -1)
    found = av.open_picture(deep_colour(colours))
    assert np.abs(found.pixels - colours / 257).max() <= 1 and ids(found) == ["picture_bits"]


def test_fractions_from_a_tiff_are_stretched_and_said() -> None:
    values = np.linspace(-2, 3, 6, dtype=np.float32).reshape(2, 3)
    found = av.open_picture(written(Image.fromarray(values), "TIFF"))
    assert found.pixels[:, :, 0].tolist() == np.rint(np.linspace(0, 255, 6)).reshape(2, 3).tolist()
    assert ids(found) == ["picture_stretched"] and found.notes[0].values == {"least": "-2", "most": "3"}
    even = av.open_picture(written(Image.fromarray(np.full((2, 2), 7, np.float32)), "TIFF"))
    assert even.pixels.max() == 0


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_several_frames_the_first_is_taken_and_said(kind: str) -> None:
    frames = [Image.new("RGB", (20, 10), colour) for colour in (RED, GREEN, BLUE)]
    how = {"lossless": True} if kind == "WEBP" else {}
    found = av.open_picture(written(frames[0], kind, save_all=True, append_images=frames[1:], **how))
    assert found.pixels[0, 0].tolist() == list(RED)
    assert ids(found) == ["picture_first"] and found.notes[0].values == {"count": 3}


def test_one_pixel_is_a_picture() -> None:
    assert av.open_picture(written(Image.new("RGB", (1, 1), GREEN))).pixels.tolist() == [[list(GREEN)]]


def test_a_huge_jpeg_is_scaled_while_it_is_decoded_and_said() -> None:
    """12,000 x 9,000: 324 MB of pixels, of which none is ever there."""
    content = written(quarters(120, 90).resize((12_000, 9_000)), "JPEG", quality=30)
    tracemalloc.start()  # Pillow's own memory is not Python's; what NumPy takes is
    found = av.open_picture(content)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.width * found.height <= KEPT + found.width and abs(found.width / found.height - 4 / 3) < 0.001
    for (row, column), colour in CORNERS.items():
        assert np.abs(found.pixels[row, column].astype(int) - colour).max() < 16
    assert most < 32_000_000
    assert found.notes[-1].values == {"width": 12_000, "height": 9_000, "across": found.width, "down": found.height}


def test_a_tall_picture_on_its_side_is_scaled_and_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    saved = quarters(40, 60).resize((2_000, 3_000)).transpose(Image.Transpose.ROTATE_90)
    found = av.open_picture(written(saved, "JPEG", exif=exif))
    assert abs(found.height / found.width - 1.5) < 0.001 and found.width * found.height <= KEPT + found.height
    assert ids(found) == ["picture_turned", "picture_scaled"] and found.notes[1].values["width"] == 2_000
    assert found.pixels[0, 0, 0] > 240 and found.pixels[-1, 0, 2] > 240


def test_a_huge_png_is_refused_by_its_header_before_it_is_decoded() -> None:
    error = refused(header(12_000, 9_000))
    assert error.message == "picture_too_large" and error.values["width"] == 12_000
    assert refused(header(60_000, 60_000)).message == "picture_bomb"


def test_a_progressive_jpeg_which_is_decoded_whole_whatever_it_is_scaled_to_has_the_smaller_limit() -> None:
    content = written(Image.new("RGB", (8_000, 5_000)), "JPEG", progressive=True, quality=10)
    assert refused(content).message == "picture_too_large"
    assert av.open_picture(written(Image.new("RGB", (8_000, 5_000)), "JPEG", quality=10)).width < 3_000


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.97])
def test_a_truncated_file_is_one_sentence_whatever_its_format(kind: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))
    content = written(noise, kind)
    try:
        av.open_picture(content[: int(len(content) * share)])  # Pillow reads a GIF that lacks its last byte
    except av.PictureError as error:
        assert error.message in ("picture_truncated", "picture_unknown", "picture_damaged", "picture_empty")
    else:
        assert share == 0.97 and kind == "GIF"


def test_half_a_png_says_that_it_ends_too_early() -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))
    for kind in ("PNG", "JPEG"):
        content = written(noise, kind)
        assert refused(content[: len(content) // 2]).message == "picture_truncated"


@pytest.mark.parametrize("seed", range(60))
def test_flipped_bytes_are_a_picture_or_a_sentence(seed: int) -> None:
    dice = np.random.default_rng(seed)
    kind = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")[seed % 6]
    content = np.frombuffer(written(quarters(16, 16), kind), np.uint8).copy()
    content[dice.integers(0, len(content), 6)] ^= dice.integers(1, 255, 6).astype(np.uint8)
    try:
        assert av.open_picture(content.tobytes()).width >= 1
    except av.PictureError as error:
        assert error.say("zh")


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n0 0 10 10 rectfill\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


@pytest.mark.parametrize("content", [b"not a picture", EPS, SVG, b"\0", b"\x89PNG\r\n\x1a\n", b"%PDF-1.7"])
def test_what_is_no_picture_or_would_run_another_program_is_a_sentence(content: bytes) -> None:
    assert refused(content).message == "picture_unknown"


def test_each_thing_that_is_no_file_has_its_own_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    os.mkfifo(tmp_path / "pipe")
    said = {
        "picture_empty": [b"", bytearray(), tmp_path / "empty.png"],
        "picture_folder": [tmp_path, ""],
        "picture_missing": [tmp_path / "none.png", tmp_path / "pipe", "/dev/zero", "a\0b.png"],
        "picture_address": ["https://example.org/cat.png", "data:image/png;base64,AAAA"],
        "picture_unopened": ["x" * 5000],
        "picture_kind": [None, 3, ["cat.png"], object()],
    }
    for message, sources in said.items():
        for source in sources:
            assert refused(source).message == message, source


def test_arrays_are_pictures_or_a_sentence_says_what_they_would_have_to_be() -> None:
    grey = np.array([[0, 128], [200, 255]], np.uint8)
    for given in (grey, grey[..., None], grey.astype(np.int64), grey / 255, (grey / 255).astype(np.float32)):
        assert av.open_picture(given).pixels[:, :, 1].tolist() == grey.tolist()
    said = {
        "picture_array": [
            np.zeros(3), np.zeros((2, 2, 2)), np.zeros((1, 3, 4, 4)), np.array([["a"]]), np.zeros((2, 2), complex),
        ],
        "picture_range": [np.full((2, 2), 256), np.full((2, 2), -1)],
        "picture_shares": [np.full((2, 2), 1.5), np.full((2, 2), -0.1)],
        "picture_not_numbers": [np.full((2, 2), np.nan)],
        "picture_empty": [np.zeros((0, 5), np.uint8), np.zeros((0, 5, 3), np.uint8)],
        "picture_too_large": [np.broadcast_to(np.uint8(0), (9_000, 12_000))],
    }  # fmt: skip
    for message, arrays in said.items():
        for array in arrays:
            assert refused(array).message == message, array.shape


def test_a_picture_of_pillow_stays_as_it_was_given(tmp_path: Path) -> None:
    quarters(3_000, 2_000).save(tmp_path / "large.jpg")
    with Image.open(tmp_path / "large.jpg") as image:
        assert av.open_picture(image).width < 3_000
        assert image.size == (3_000, 2_000) and image.mode == "RGB"
    assert refused(Image.new("L", (9_000, 9_000))).message == "picture_too_large"

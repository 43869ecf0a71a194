"""A picture in a browser: pointing and keys ask no server, dragging hides patches, Back shows them, pasting works."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from playwright.sync_api import Locator, expect
from transformers import ViTForImageClassification, ViTImageProcessorPil

from attnviz import load, record, shipped
from attnviz.messages import say
from attnviz.ui.pages.seeing import run
from tests.browser.person import Visit

PASTE = """(text) => {
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0)), given = new DataTransfer();
  given.items.add(new File([bytes], "pasted.png", { type: "image/png" }));
  document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: given, bubbles: true }));
}"""
Start = Callable[..., Visit]
SEEN = "() => document.documentElement.dataset.seeing === 'heard'"


def opened(visit: Start, **link: str) -> tuple[Visit, Locator]:
    """The page, and the picture in it."""
    one = visit({"lang": "en", **link}, name="seeing")
    one.page.wait_for_function(SEEN)
    stage = one.page.locator(".seeing .stage")
    expect(one.page.locator(".seeing .tile").first).to_be_visible()
    return one, stage


def middle(stage: Locator, row: int, column: int) -> tuple[float, float]:
    """The middle of a patch of the 7 x 7, by row and column from 1."""
    box = stage.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * (column - 0.5) / 7, box["y"] + box["height"] * (row - 0.5) / 7


def light(one: Visit) -> list[int]:
    """Which of the 49 patches is lit most on the tile of each head: the colour is orange, and the picture grey."""
    return one.page.locator(".seeing .tile canvas").evaluate_all("""(all) => all.map((canvas) => {
      const side = canvas.width / 7, pen = canvas.getContext("2d");
      const orange = Array.from({ length: 49 }, (_, n) => {
        const at = [n % 7, Math.floor(n / 7)].map((step) => Math.floor((step + 0.5) * side));
        const [red, , blue] = pen.getImageData(...at, 1, 1).data;
        return red - blue;
      });
      return orange.indexOf(Math.max(...orange)); })""")


def looks(place: str, row: list[float]) -> str:
    """The sentence of the three places that a row looks at most."""
    names = [say("seeing.class_token", "en")]
    names += [say("seeing.patch", "en", place=f"{1 + n // 7},{1 + n % 7}") for n in range(49)]
    order = sorted(range(50), key=lambda key: -row[key])[:3]
    most = ", ".join(f"{names[key]} {row[key]:.3f}" for key in order)
    return say("seeing.looks", "en", place=place, most=most)


def test_pointing_and_arrow_keys_show_where_a_patch_looks_and_ask_no_server(visit: Start) -> None:
    one, stage = opened(visit, layer="1", head="2")
    told, trace = one.page.locator(".seeing .said"), record(load("vit-4"), run.sample("sneaker"))
    rows = trace.weights(1, 2).tolist()
    expect(told).to_contain_text(looks("class token", rows[0]))
    one.page.wait_for_timeout(500)  # what the page still sends of itself
    sent = one.frames
    one.page.mouse.move(*middle(stage, 3, 5))
    expect(told).to_contain_text(looks("patch 3,5", rows[1 + 2 * 7 + 4]))
    of_patch = light(one)
    one.page.mouse.move(0, 0)
    expect(told).to_contain_text(looks("class token", rows[0]))
    of_token = light(one)
    assert all(len(found) == 16 for found in (of_patch, of_token)) and of_patch != of_token
    every = torch.stack([trace.weights(layer) for layer in range(4)])
    for query, found in ((1 + 2 * 7 + 4, of_patch), (0, of_token)):
        brightest = every[:, :, query, 1:].argmax(-1).flatten().tolist()
        assert sum(place == other for place, other in zip(found, brightest, strict=True)) >= 14  # two may be as bright
    one.page.mouse.move(*middle(stage, 3, 5))
    one.page.mouse.move(2, 2)
    stage.focus()
    one.page.keyboard.press("ArrowLeft")  # from the class token to the patch in the middle
    expect(told).to_contain_text(looks("patch 4,4", rows[1 + 3 * 7 + 3]))
    one.page.keyboard.press("ArrowDown")
    expect(told).to_contain_text(looks("patch 5,4", rows[1 + 4 * 7 + 3]))
    assert one.frames == sent
    one.page.keyboard.press("Enter")
    one.link_says(place="32", layer="1", head="2")


def test_patches_are_hidden_by_dragging_and_by_a_key_and_back_shows_them_again(visit: Start) -> None:
    one, stage = opened(visit)
    one.page.locator(".seeing button[data-name=hide]").click()
    one.page.mouse.move(*middle(stage, 4, 2))
    one.page.mouse.down()
    for column in (3, 4):
        one.page.mouse.move(*middle(stage, 4, column))
    one.page.mouse.up()
    one.link_says(hidden="23.24.25")
    one.says(say("seeing.how_hidden", "en", count=3))
    one.page.go_back()
    one.page.wait_for_function("() => !location.search.includes('hidden')")
    expect(one.page.get_by_text(say("seeing.how_hidden", "en", count=3))).to_have_count(0)
    stage.focus()
    one.page.keyboard.press("ArrowLeft")
    one.page.keyboard.press("Space")
    one.link_says(hidden="25")


def test_a_tile_opens_its_head_and_a_phone_never_scrolls_sideways(visit: Start) -> None:
    one, _ = opened(visit)
    one.page.set_viewport_size({"width": 390, "height": 844})
    tile = one.page.get_by_role("button", name=say("seeing.tile", "en", layer=3, head=1))
    tile.scroll_into_view_if_needed()
    tile.click()
    one.link_says(layer="3", head="1")
    wide = one.page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 390


def test_a_picture_pasted_anywhere_is_looked_at(visit: Start) -> None:
    one, _ = opened(visit)
    pixels = np.full((60, 90, 3), 30, np.uint8)
    pixels[15:45, 30:60] = 230
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    one.page.evaluate(PASTE, b64encode(file.getvalue()).decode())
    one.says(say("picture.not_in_link", "en"))
    with torch.no_grad():
        label, share = predicted(pixels)
    one.says(say("seeing.says", "en", model="vit-4", label=label, share=f"{share:.1%}").replace("**", ""))


def predicted(pixels: np.ndarray) -> tuple[str, float]:
    """What vit-4 says, through transformers' own processor and network."""
    folder = str(shipped.folder("vit-4"))
    network = ViTForImageClassification.from_pretrained(folder, dtype=torch.float32).eval()
    given = ViTImageProcessorPil.from_pretrained(folder)(Image.fromarray(pixels), return_tensors="pt")
    shares = network(**given).logits[0].softmax(-1)
    return network.config.label_names["en"][int(shares.argmax())], float(shares.max())

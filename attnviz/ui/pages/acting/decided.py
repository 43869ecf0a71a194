"""A Decision Transformer on the page on acting: its tokens, three a step, as the browser and the tables have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from attnviz.ui.kit import t, tiles_sent, weights_sent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attnviz.systems.acting.deciding import Ride
    from attnviz.ui.pages.acting.run import Played

PARTS = ("return", "state", "earlier_return", "earlier_state", "earlier_action")
KINDS = ("return", "state", "action")
OPEN = ("name", "step", "most", "weight", "key", "kind", "map", "value")  # filled in by the browser
SAID = ("tokens", "tokens_label", "token", "token_cell", "token_unseen", "token_none")


def weights(played: Played) -> NDArray[np.float32]:
    """All weights `[layer, head, token, token]`, the rows of a last look among them; NaN where a token may not look."""
    ride = cast("Ride", played.episode)
    return np.asarray(ride.weights if played.seen is None else played.seen[0], np.float32)


def shares(played: Played) -> dict[str, NDArray[np.float32]]:
    """What the state of each step gives each part as its action is chosen `[step, layer, head]`."""
    ride = cast("Ride", played.episode)
    return {part: np.asarray(ride.share(part), np.float32) for part in PARTS}


def tokens_of(played: Played, view: tuple[int, int | None]) -> dict[str, Any]:
    """The map of one head, or the mean of a layer's, every head small, and the lanes."""
    (layer, head), found = view, weights(played)
    one = found[layer].mean(0) if head is None else found[layer, head]
    count = found.shape[-1]
    sent, top = weights_sent(one)
    return {
        "weights": sent, "top": top, "queries": count, "keys": count, "tokens": list("Rsa"),
        "tiles": tiles_sent(dict(enumerate(found)), max(0, count - 1), [True] * count), "lanes": _lanes(found, view),
    }  # fmt: skip


def _lanes(found: NDArray[np.float32], view: tuple[int, int | None]) -> list[dict[str, Any]]:
    """What the state of each step gives each part."""
    from attnviz.systems.acting.deciding import share_of

    layer, head = view
    rows = np.nan_to_num(found[layer][:, 1::3])  # [head, step, token]
    each: dict[str, list[float]] = {part: [] for part in PARTS}
    for step in range(rows.shape[1]):
        for part, kept in each.items():
            share = share_of(rows[:, step], step, part)
            kept.append(round(float(share.mean() if head is None else share[head]), 4))
    return [{"name": t(f"acting.lane_{part}"), "shares": kept} for part, kept in each.items()]


def words() -> dict[str, str]:
    """What the browser says of tokens; what stands in braces it fills in itself."""
    open_ = {name: f"{{{name}}}" for name in OPEN}
    kinds = {f"kind_{letter}": t(f"acting.token_{kind}") for letter, kind in zip("Rsa", KINDS, strict=True)}
    found = {name: t(f"acting.{name}", **open_) for name in SAID} | kinds
    return found | {
        "stop": t("acting.stop"), "value": t("acting.to_go", **open_), "tiles": t("acting.tiles_tokens"),
        "layer": t("acting.layer_short", n="{n}"),
        "tile": t("acting.tile_of", layer="{layer}", head="{head}"),
        "tile_gone": t("acting.tile_of_gone", layer="{layer}", head="{head}"),
    }  # fmt: skip


def csv_lines(played: Played) -> list[str]:
    """What the state of each step gives each part, by layer and head, as lines of a table."""
    ride, of = cast("Ride", played.episode), shares(played)
    lines = [",".join(("step", "action", "by", "return_to_go", "layer", "head", *of))]
    for step, action in enumerate(ride.actions):
        who = "person" if step in played.mine else "agent"
        for layer, head in np.ndindex(*ride.weights.shape[:2]):
            numbers = [f"{one[step, layer, head]:.6f}" for one in of.values()]
            lines.append(",".join([str(step), action, who, str(ride.asked[step]), str(layer), str(head), *numbers]))
    return lines

"""A Decision Transformer on the page on acting: its tokens, three a step, as the browser and the tables have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attnviz.systems.acting.deciding import Ride
    from attnviz.trace import Trace
    from attnviz.ui.pages.acting.run import Played

PARTS = ("return", "state", "earlier_return", "earlier_state", "earlier_action")


def weights(played: Played) -> NDArray[np.float32]:
    """All weights `[layer, head, token, token]`, the rows of a last look among them; NaN where a token may not look."""
    ride = cast("Ride", played.episode)
    return np.asarray(ride.weights if played.seen is None else played.seen[0], np.float32)


def shares(played: Played) -> dict[str, NDArray[np.float32]]:
    """What the state of each step gives each part as its action is chosen `[step, layer, head]`."""
    ride = cast("Ride", played.episode)
    return {part: np.asarray(ride.share(part), np.float32) for part in PARTS}


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


def mean_shares(trace: Trace, layer: int) -> dict[str, NDArray[np.float32]]:
    """The mean over the steps of what a step's state gives each part `[head]`."""
    from attnviz.systems.acting.deciding import share_of

    rows = np.nan_to_num(trace.weights(layer).numpy())[:, 1::3]
    return {
        part: np.mean([share_of(rows[:, step], step, part) for step in range(rows.shape[1])], axis=0) for part in PARTS
    }

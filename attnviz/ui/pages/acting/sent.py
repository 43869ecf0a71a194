"""What the browser is given to play an episode by itself: every world, every weight, every word."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from attnviz.ui.kit import language, t, tiles_sent, weights_sent
from attnviz.ui.pages.acting import decided, run, told
from attnviz.ui.pages.acting.run import LETTERS, NAMED, Played, Request

if TYPE_CHECKING:
    from attnviz.systems.acting.scene import Scene

OPEN = (
    "step", "last", "column", "row", "way", "carries", "thing", "map", "most", "act", "place", "weight", "value",
    "layer", "head", "n", "name", "kind", "colour", "state",
)  # filled in by the browser  # fmt: skip
SAID = (
    "label", "label_move", "point", "point_help", "wall", "wall_help", "carry", "carry_help", "hide", "hide_help",
    "mine", "mine_help", "show_all", "time", "first", "back", "play", "pause", "on", "end", "slow", "fast", "acts",
    "lanes", "step", "stands", "carries", "carries_nothing", "looks", "looks_nowhere", "did", "did_mine", "value",
    "cell", "cell_hidden", "lifted", "at", "thing", "thing_state", "self", "empty", "cell_wall", "tiles", "tile",
    "tile_gone", "comma", "ended_reached", "ended_lost", "ended_limit", "is_open", "is_closed", "is_locked",
)  # fmt: skip

TOKENS = ("return", "state", "action")
OPEN_TOKENS = ("name", "step", "most", "weight", "key", "kind", "map", "value")  # filled in by the browser
SAID_TOKENS = ("tokens", "tokens_label", "token", "token_cell", "token_unseen", "token_none")


def data_of(
    request: Request, played: Played, view: tuple[int, int | None], before: Played | None, step: int
) -> dict[str, Any]:
    """All that the browser needs; `view` is a layer and a head of it, or None for their mean."""
    (layer, head), episode = view, played.episode
    own = _tokens(played, view) if request.decides else _cells(request, played, head)
    side = request.size
    return {
        **own,
        "episode": sha256(repr(request).encode()).hexdigest()[:16], "width": side, "height": side,
        "boxes": [[cell % side, cell // side, cell % side + 1, cell // side + 1] for cell in range(side**2)],
        "steps": _steps(played), "open": [layer, -1 if head is None else head],
        "without": [list(one) for one in request.without],
        "hidden": list(request.hidden), "marks": _marks(played),
        "before": None if before is None else [scene.cell(*scene.agent) for scene in before.episode.scenes],
        "step": min(step, episode.steps), "held": request.held, "moves": request.moves, "letters": list(LETTERS),
        "ended": "limit" if played.circle else episode.ended, "alt": "",
        "map": t("acting.mean_of") if head is None else t("acting.head", head=head),
        "words": _words() | (_token_words() if request.decides else {}),
        "kinds": {kind: t(f"acting.kind_{kind}") for kind in ("key", "ball", "box", "door", "goal")},
        "colours": {one: t(f"acting.colour_{one}") for one in ("red", "green", "blue", "purple", "yellow", "grey")},
        "ways": [t(f"acting.facing_{one}") for one in ("right", "down", "left", "up")],
    }  # fmt: skip


def _cells(request: Request, played: Played, head: int | None) -> dict[str, Any]:
    """The weights over cells."""
    weights, count = _weights(played), request.size**2
    sent, top = weights_sent(_shown(weights, head))
    return {
        "weights": sent, "top": top, "queries": len(weights), "keys": count,
        "tiles": tiles_sent({0: np.moveaxis(weights, 0, 1)}, 0, [True] * count),
        "lanes": _lanes(request, played, head),
    }  # fmt: skip


def _weights(played: Played) -> np.ndarray[Any, Any]:
    """The weights `[step, head, cell]`, the last look among them where it is not over."""
    found = np.asarray(played.episode.weights, np.float32)
    if played.seen is None:
        return found
    return np.concatenate([found, np.asarray(played.seen[0], np.float32)[None]])


def _shown(weights: np.ndarray[Any, Any], head: int | None) -> np.ndarray[Any, Any]:
    """One head `[step, cell]`, or the mean of all, in which a cell is hidden that is hidden from all."""
    if head is not None:
        return weights[:, head]
    return np.where(np.isnan(weights).all(1), np.nan, np.nan_to_num(weights).mean(1)).astype(np.float32)


def _steps(played: Played) -> list[dict[str, Any]]:
    """Each step: the world, what was likely, what was done and by whom."""
    episode, found = played.episode, []
    for number, scene in enumerate(episode.scenes):
        one = _world(scene)
        if number < episode.steps:
            one |= _likely(episode.probabilities[number], float(episode.values[number]))
            one |= {"did": NAMED[episode.actions[number]], "mine": number in played.mine}
        elif played.seen is not None:
            one |= _likely(played.seen[1], played.seen[2])
        found.append(one)
    return found


def _world(scene: Scene) -> dict[str, Any]:
    carried = None if scene.carrying is None else [scene.carrying.kind, scene.carrying.colour, ""]
    return {
        "at": scene.cell(*scene.agent), "turn": scene.direction, "carries": carried, "arrived": bool(scene.ended),
        "walls": [cell for cell, one in enumerate(scene.cells) if one.kind == "wall"],
        "things": [[cell, *one] for cell, one in enumerate(scene.cells) if one.kind not in ("wall", "empty")],
    }  # fmt: skip


def _likely(probabilities: Any, value: float) -> dict[str, Any]:
    return {"likely": [round(float(one), 4) for one in probabilities], "value": round(value, 3)}


def _lanes(request: Request, played: Played, head: int | None) -> list[dict[str, Any]]:
    """How much of the weight each part has at each step."""
    found = []
    for name, of in told.shares(played, request.task).items():
        row = of.mean(1) if head is None else of[:, head]
        found.append({"name": t(f"acting.part_{name}"), "shares": [round(float(one), 4) for one in row]})
    if played.seen is not None:
        _look_on(request, played, head, found)
    return found


def _look_on(request: Request, played: Played, head: int | None, found: list[dict[str, Any]]) -> None:
    """The last look's shares beside the others."""
    assert played.seen is not None
    weights = np.nan_to_num(np.asarray(played.seen[0], np.float32))
    row = weights.mean(0) if head is None else weights[head]
    parts = played.episode.scenes[-1].parts
    own = [float(row[list(parts.get(name, ()))].sum()) for name in run.lanes(request.task)]
    for lane, share in zip(found, [*own, max(0.0, float(row.sum()) - sum(own))], strict=True):
        lane["shares"].append(round(share, 4))


def _marks(played: Played) -> list[dict[str, Any]]:
    """Where something was taken or put down, where a door moved."""
    found: list[dict[str, Any]] = []
    for step, (scene, after) in enumerate(pairwise(played.episode.scenes)):
        if scene.carrying != after.carrying:
            found.append({"step": step, "text": t("acting.mark_took" if after.carrying else "acting.mark_put")})
        elif _doors(scene) != _doors(after):
            found.append({"step": step, "text": t("acting.mark_door")})
    return found


def _doors(scene: Scene) -> list[str]:
    return [one.state for one in scene.cells if one.kind == "door"]


def _words() -> dict[str, str]:
    """What the browser says; what stands in braces it fills in itself."""
    open_ = {name: f"{{{name}}}" for name in OPEN}
    found = {name: t(f"acting.{name}", **open_) for name in SAID}
    acts = {f"act_{letter}": t(f"acting.act_{action}") for letter, action in LETTERS.items()}
    tiles = {"head": t("acting.tile_head", **open_), "layer": ""}
    return found | acts | tiles | {"space": "" if language() == "zh" else " "}


def _tokens(played: Played, view: tuple[int, int | None]) -> dict[str, Any]:
    """The map of one head, or the mean of a layer's, every head small, and the lanes."""
    (layer, head), found = view, decided.weights(played)
    one = found[layer].mean(0) if head is None else found[layer, head]
    count = found.shape[-1]
    sent, top = weights_sent(one)
    return {
        "weights": sent, "top": top, "queries": count, "keys": count, "tokens": list("Rsa"),
        "tiles": tiles_sent(dict(enumerate(found)), max(0, count - 1), [True] * count),
        "lanes": _token_lanes(found, view),
    }  # fmt: skip


def _token_lanes(found: np.ndarray[Any, Any], view: tuple[int, int | None]) -> list[dict[str, Any]]:
    """What the state of each step gives each part."""
    from attnviz.systems.acting.deciding import share_of

    layer, head = view
    rows = np.nan_to_num(found[layer][:, 1::3])  # [head, step, token]
    each: dict[str, list[float]] = {part: [] for part in decided.PARTS}
    for step in range(rows.shape[1]):
        for part, kept in each.items():
            share = share_of(rows[:, step], step, part)
            kept.append(round(float(share.mean() if head is None else share[head]), 4))
    return [{"name": t(f"acting.lane_{part}"), "shares": kept} for part, kept in each.items()]


def _token_words() -> dict[str, str]:
    """What the browser says of tokens; what stands in braces it fills in itself."""
    open_ = {name: f"{{{name}}}" for name in OPEN_TOKENS}
    kinds = {f"kind_{kind[0] if kind != 'return' else 'R'}": t(f"acting.token_{kind}") for kind in TOKENS}
    found = {name: t(f"acting.{name}", **open_) for name in SAID_TOKENS} | kinds
    return found | {
        "stop": t("acting.stop"), "value": t("acting.to_go", **open_), "tiles": t("acting.tiles_tokens"),
        "layer": t("acting.layer_short", n="{n}"),
        "tile": t("acting.tile_of", layer="{layer}", head="{head}"),
        "tile_gone": t("acting.tile_of_gone", layer="{layer}", head="{head}"),
    }  # fmt: skip

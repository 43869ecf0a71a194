"""What pages share: controls, charts, clicks, the reader, the link, the frame of a page.

Pages take these names from here, never from a module of the room. Importing them brings neither torch nor plotly.
"""

from attnviz.messages import signed
from attnviz.selection import Selection
from attnviz.ui.kit import page, work
from attnviz.ui.kit.charts import (
    CHART_HEIGHT,
    bar,
    css_class,
    draw,
    draw_change,
    draw_grid,
    draw_heatmap,
    head_picture,
    style_now,
)
from attnviz.ui.kit.clicks import WHY, clicked, listen_to_clicks, listen_to_head
from attnviz.ui.kit.controls import (
    BUILT_IN,
    LESSONS,
    LINKED_SAMPLES,
    LINKED_START,
    MODELS,
    SAMPLES,
    SCOPES,
    SHARED_PARAMS,
    START,
    Choices,
    bring_text,
    choices_now,
    choose_any_model,
    choose_asked_model,
    choose_asked_text,
    choose_asked_token,
    choose_cell,
    choose_head,
    choose_lab_model,
    choose_lines,
    choose_look,
    choose_revision,
    choose_scale,
    choose_scope,
    choose_shared_text,
    choose_text,
    choose_token,
    head_now,
    nearest,
    numbered,
    offer_samples,
    span_of,
    with_cell,
    within,
)
from attnviz.ui.kit.dragged import follow_slider, foresee_rules
from attnviz.ui.kit.effect import bar_cell, blank_position, cell_table, show_effect, show_shift
from attnviz.ui.kit.explanations import (
    after_the_score,
    place_in_row,
    show_cut,
    show_sink,
    show_tokens_of,
    show_why,
    verdict,
)
from attnviz.ui.kit.export_menu import file_name, offer_file, take_away, take_picture
from attnviz.ui.kit.folders import brought, offer_models, remember
from attnviz.ui.kit.formulas import alpha_of, short, softmax_formula, sparse_formula
from attnviz.ui.kit.frame import Group, dark, draw_bar
from attnviz.ui.kit.languages import article, joined, language, language_picker, of_locale, own_language, t
from attnviz.ui.kit.link import Param, Value, address, between, choose, chosen, find, flag, matching, one_of
from attnviz.ui.kit.markdown import bold, chance, figure_text, plain, table
from attnviz.ui.kit.opening import made_once, open_model, opened_bytes
from attnviz.ui.kit.page import ICON, Member, Screen
from attnviz.ui.kit.pictures import (
    PLACES,
    PictureClicks,
    Pictures,
    hidden_now,
    lit_picture,
    named_label,
    numbers_of,
    picture_address,
    place_boxes,
    png,
    say_notes,
    tiles_sent,
    weights_sent,
    with_or_without,
)
from attnviz.ui.kit.reader import asset, draw_reader
from attnviz.ui.kit.rests import (
    LIKELIEST,
    YARDSTICKS,
    Rests,
    another,
    as_csv,
    choose_answer,
    choose_covered,
    choose_explained,
    correlation,
    of_top,
    patch_maps,
    ranked,
    shared_top,
)
from attnviz.ui.kit.rules import (
    FAMILIES,
    LANGUAGE,
    RULE_PARAMS,
    SHARED,
    choose_one,
    choose_rule,
    rule_now,
    rule_title,
    value_of,
)
from attnviz.ui.kit.work import Steps
from attnviz.ui.stores import SETTINGS, SOFT, RuleChoice, arrivals, as_rule, model_store, offered, open_folders, runs

__all__ = [
    "BUILT_IN", "CHART_HEIGHT", "FAMILIES", "ICON", "LANGUAGE", "LESSONS", "LIKELIEST", "LINKED_SAMPLES",
    "LINKED_START", "MODELS", "PLACES", "RULE_PARAMS", "SAMPLES", "SCOPES", "SETTINGS", "SHARED", "SHARED_PARAMS",
    "SOFT", "START", "WHY", "YARDSTICKS", "Choices", "Group", "Member", "Param", "PictureClicks", "Pictures", "Rests",
    "RuleChoice", "Screen", "Selection", "Steps", "Value", "address", "after_the_score", "alpha_of", "another",
    "arrivals", "article", "as_csv", "as_rule", "asset", "bar", "bar_cell", "between", "blank_position", "bold",
    "bring_text", "brought", "cell_table", "chance", "choices_now", "choose", "choose_answer", "choose_any_model",
    "choose_asked_model", "choose_asked_text", "choose_asked_token", "choose_cell", "choose_covered",
    "choose_explained", "choose_head", "choose_lab_model", "choose_lines", "choose_look", "choose_one",
    "choose_revision", "choose_rule", "choose_scale", "choose_scope", "choose_shared_text", "choose_text",
    "choose_token", "chosen", "clicked", "correlation", "css_class", "dark", "draw", "draw_bar", "draw_change",
    "draw_grid", "draw_heatmap", "draw_reader", "figure_text", "file_name", "find", "flag", "follow_slider",
    "foresee_rules", "head_now", "head_picture", "hidden_now", "joined", "language", "language_picker",
    "listen_to_clicks", "listen_to_head", "lit_picture", "made_once", "matching", "model_store", "named_label",
    "nearest", "numbered", "numbers_of", "of_locale", "of_top", "offer_file", "offer_models", "offer_samples",
    "offered", "one_of", "open_folders", "open_model", "opened_bytes", "own_language", "page", "patch_maps",
    "picture_address", "place_boxes", "place_in_row", "plain", "png", "ranked", "remember", "rule_now", "rule_title",
    "runs", "say_notes", "shared_top", "short", "show_cut", "show_effect", "show_shift", "show_sink", "show_tokens_of",
    "show_why", "signed", "softmax_formula", "span_of", "sparse_formula", "style_now", "t", "table", "take_away",
    "take_picture", "tiles_sent", "value_of", "verdict", "weights_sent", "with_cell", "with_or_without", "within",
    "work",
]  # fmt: skip

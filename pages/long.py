"""What does a head do over thousands of tokens, from afar and token for token?"""

import streamlit as st

from attnviz.ui.kit import choose_head, choose_rule, page
from attnviz.ui.pages.long import SCREEN, choices, run, shown

page.heading(SCREEN)
choices.begin()
with st.sidebar:
    name, revision = choices.choose_model()
    choose_rule()
    choices.choose_colours()
page.how_it_works("long", "long.how_title")
text, notice = choices.choose_text(), st.container()
done = run.shown(run.RunRequest(name, revision, text), notice)
if done is not None:
    place = choices.fit(done.tokens)
    right_to_left = done.trace.keys.right_to_left
    shown.listen(done.tokens, right_to_left)
    left, middle, side = st.columns([9, 13, 7], gap="medium")
    with left:
        look = choices.look_now(*choose_head(done.trace))
        shown.draw_grid(done, look)
    with middle:
        shown.steps(done.tokens, place, right_to_left)
        shown.draw_map(done, look, place)
        shown.say_where(done, look, place)
    with side:
        shown.draw_small(done, look, place)
        hits = choices.choose_found(done.trace.encoded)
        follow, token = choices.choose_followed(done.trace.encoded.labels)
        shown.take(done, look, place)
    words, line = st.columns([12, 10], gap="medium")
    with words:
        shown.draw_text(done, look, follow, token, hits)
    with line:
        shown.draw_line(done, look, follow, token)
    run.show_facts(done)
page.done(SCREEN.params)

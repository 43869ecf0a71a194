"""What does a head do over thousands of tokens, from afar and token for token?"""

import streamlit as st

from attnviz.ui.kit import controls as choices
from attnviz.ui.kit import page
from attnviz.ui.kit.charts import dark
from attnviz.ui.kit.language import article, t
from attnviz.ui.pages.long import choices as long
from attnviz.ui.pages.long import export as long_take
from attnviz.ui.pages.long import run as long_run
from attnviz.ui.pages.long import shown as long_shown
from attnviz.ui.pages.models import choices as models

page.heading("long.title", "long.look", long.PARAMS)
long.begin()
with st.sidebar:
    name, revision = long.choose_model()
    choices.choose_rule()
    long.choose_look()
    with st.popover(t("long.how_title"), icon=":material/help:", width="stretch"):
        st.markdown(article("long"))
text, notice = long.choose_text(), st.container()
done = long_run.shown(long_run.Asked(name, revision, text), notice)
if done is not None:
    place = long.fit(done.tokens)
    long_shown.listen(done.tokens)
    left, middle, side = st.columns([9, 13, 7], gap="medium")
    with left:
        look = long.look(*models.choose_head(done.trace), dark())
        long_shown.draw_grid(done, look)
    with middle:
        long_shown.steps(done.tokens, place)
        long_shown.draw_map(done, look, place)
        long_shown.say_where(done, look, place)
    with side:
        long_shown.draw_small(done, look, place)
        hits = long.choose_found(done.trace.encoded)
        follow, token = long.choose_followed(done.trace.encoded.labels)
        long_take.take(done, look, place, long_shown.MAP)
    words, line = st.columns([12, 10], gap="medium")
    with words:
        long_shown.draw_text(done, look, follow, token, hits)
    with line:
        long_shown.draw_line(done, look, follow, token)
    long_run.show_facts(done)
page.done(long.PARAMS)

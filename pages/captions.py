"""Where did each word of a caption look, with soft attention and with hard attention?"""

import streamlit as st

from attnviz.ui.kit import page
from attnviz.ui.pages.captions import SCREEN, choices, shown

page.heading(SCREEN)
page.how_it_works("captions", "captions.how")
with page.reader_errors():
    verdict = st.container()
    choices.choose_picture()
    choices.choose_look()
    asked = choices.asked()
    said = shown.read_all(asked)
    with verdict:
        shown.say_verdict(asked, said)
    shown.draw_scene(asked, said)
    shown.show_figures()
    shown.show_numbers(said)
page.done(SCREEN.params)

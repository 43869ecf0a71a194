"""Route to the pages; language stands above them all."""

import streamlit as st

from attnviz.ui import page
from attnviz.ui.language import language_picker, t

st.set_page_config(page_title="attnviz", page_icon=str(page.ICON), layout="wide")
page.start()
chosen = st.navigation(
    [
        st.Page("pages/attention.py", title=t("page_attention"), icon=":material/grid_view:", default=True),
        st.Page("pages/readings.py", title=t("page_readings"), icon=":material/call_split:"),
        st.Page("pages/models.py", title=t("page_models"), icon=":material/deployed_code:"),
    ],
)
with st.sidebar:
    language_picker()
chosen.run()

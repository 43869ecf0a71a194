"""Route to the pages; language stands above them all.

`streamlit run app.py` imports this file once, for the server that it finds in it, and then runs it for every visitor.
"""

import streamlit as st

if __name__ == "__main__":
    from attnviz.ui.kit import page
    from attnviz.ui.kit.language import language_picker, t
    from attnviz.ui.pages.family.map import SECTIONS

    st.set_page_config(page_title="attnviz", page_icon=str(page.ICON), layout="wide")
    page.start()
    chosen = st.navigation(
        {
            t(f"section_{section}") if section else "": [
                st.Page(
                    screen.file, title=t(f"page_{screen.name}"), icon=screen.icon, default=screen.name == "attention"
                )
                for screen in screens
            ]
            for section, screens in SECTIONS.items()
        },
        position="top",
    )
    with st.sidebar:
        language_picker()
    with page.reader_errors():
        chosen.run()
else:
    from attnviz.ui.server.app import app as server

    app = st.App(__file__, lifespan=server.ready, middleware=server.MIDDLEWARE, on_script_error=server.told)

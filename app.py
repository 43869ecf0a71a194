"""Route to the pages; language stands above them all.

`streamlit run app.py` imports this file once, for the server that it finds in it, and then runs it for every visitor.
"""

import streamlit as st

if __name__ == "__main__":
    from attnviz.ui import registry
    from attnviz.ui.kit import ICON, arrivals, language_picker, page, t

    with page.first_by(arrivals.one):
        st.set_page_config(page_title="attnviz", page_icon=ICON, layout="wide")
        page.start(registry.params())
        chosen = st.navigation(
            {
                t(f"section_{section}") if section else "": [
                    st.Page(
                        screen.file, title=t(f"page_{screen.name}"), icon=screen.icon, default=screen == registry.home()
                    )
                    for screen in screens
                ]
                for section, screens in registry.sections().items()
            },
            position="top",
            expanded=True,  # a phone's drawer shows every page at once
        )
        page.frame.draw_frame(chosen.title)
        if asked := page.frame.asked():
            st.switch_page(registry.named(asked).file, query_params=page.address.now())
        with st.sidebar:
            language_picker()
            page.frame.choose_projector()
        with page.reader_errors():
            chosen.run()
else:
    from attnviz import threads
    from attnviz.ui.server import app as server

    server.checked()
    threads.wait_quietly()  # before `server.ready` loads PyTorch

    app = st.App(__file__, lifespan=server.ready, middleware=server.MIDDLEWARE, on_script_error=server.told)

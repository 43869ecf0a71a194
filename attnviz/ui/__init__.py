"""With app.py and pages/ the only place that knows streamlit: caches, controls, charts, language."""

"""The web server around app.py, and the first picture that it puts into the page."""

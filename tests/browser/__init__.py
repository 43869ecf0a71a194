"""A person's hands on the app, in Chromium."""

"""The app as strangers meet it."""

"""The models page in a browser: models that are brought, and what is asked of them."""

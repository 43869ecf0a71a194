"""Which model of this machine? Folders to look through, and those that were opened before."""

from attnviz.ui.kit.folders.browser import brought, offer_models
from attnviz.ui.kit.folders.opened import remember

__all__ = ["brought", "offer_models", "remember"]

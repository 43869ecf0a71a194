"""Inputs that people have brought, or may bring: each opens as what it is, or ends in one true sentence."""

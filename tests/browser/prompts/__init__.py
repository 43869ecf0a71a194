"""Texts of several lines, chats and languages."""

"""What a model of pictures and texts is asked, as its maker wrote prompts: by the folder's template, or by its type."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from attnviz.adapter.captioning.kinds import PLAIN
from attnviz.adapter.prompts.templates import rendered
from attnviz.errors import ModelError

FILE = "chat_template.json"  # where older folders keep what belongs to pictures and texts together


def template_of(folder: Path, tokenizer: Any) -> str:
    """The folder's own template of a chat with pictures; "" where it has none."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))["chat_template"]
    except (OSError, ValueError, KeyError, TypeError):
        found = getattr(tokenizer, "chat_template", None)
    return found if isinstance(found, str) else ""


def prompt(name: str, model_type: str, tokenizer: Any, template: str, token: str, text: str) -> str:
    """What is read: the text with the picture before it. A text that says itself where the picture stands is taken as
    it is.

    >>> prompt("", "llava", None, "", "<image>", "What is it?")
    'USER: <image>\\nWhat is it? ASSISTANT:'
    """
    if token in text:
        return text
    if template and model_type != "paligemma":  # which was not made for chats
        found = _of_template(name, tokenizer, template, text)
        if found.count(token) == 1 and text in found:
            return found
    begin = getattr(tokenizer, "bos_token", None) or ""
    return PLAIN[model_type].format(picture=token, text=text, begin=begin)


def _of_template(name: str, tokenizer: Any, template: str, text: str) -> str:
    """One turn with a picture and a text, by a template; "" where it takes none."""
    content = [{"type": "image"}, {"type": "text", "text": text}]
    stand_in = SimpleNamespace(
        chat_template=template, get_chat_template=lambda: template, special_tokens_map=tokenizer.special_tokens_map
    )
    try:
        return rendered(name, stand_in, [{"role": "user", "content": content}], ask=True)
    except ModelError:
        return ""

"""Record many texts in few forward passes. What fills a shorter text up to the longest is never seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from attnviz.attention import Attention
from attnviz.errors import ModelError
from attnviz.interface import Call, maps
from attnviz.interventions import Intervention, Place, check_tokens
from attnviz.models.load import Model
from attnviz.models.memory import check_run
from attnviz.recorder import Watch, changes_of, fits, read, record, run, trace_of
from attnviz.rules import Rule, Soft
from attnviz.tokens import Encoded
from attnviz.trace import Gap, Trace
from attnviz.triangle import Triangle

MOST_TOKENS = 512  # in one pass, padding counted: beyond that the processor's caches are left, and nothing is gained
MOST_PADDED = 1.25  # tokens of a pass, padding counted, to those of its texts

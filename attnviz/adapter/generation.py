"""How transformers writes on, one step a token: its own preparations, our loop.

`generate` of transformers makes the masks, caches, logits processors and stopping criteria of the model at hand, and
then calls `custom_generate`. Our loop asks the network to prepare each step (`prepare_inputs_for_generation`) and to
carry on what it handed back (`_update_model_kwargs_for_generation`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from attnviz.adapter.machine import brought, placed
from attnviz.errors import ModelError, first_line
from attnviz.guard import guarded

CACHES = ("past_key_values", "cache_params")  # where a model hands its cache back


class Steps(Protocol):
    """Whoever hears of each forward pass. `blind`: there is nothing to record, so that no more is wanted."""

    blind: bool

    def add(self, result: Mapping[str, Any], *, cached: bool) -> None:
        """One forward pass; `cached` where the next goes over the new tokens alone."""
        ...


def decoder_cache() -> Any:
    """An empty cache for an encoder-decoder; the one that transformers makes by itself is as deep as T5's encoder."""
    from transformers import DynamicCache, EncoderDecoderCache

    return EncoderDecoderCache(DynamicCache(), DynamicCache())


@dataclass(frozen=True)
class Stepping:
    """One text to be written by `network`: `first` are the ids that it reads, or what else by the names of the
    arguments (a sound), `start` those of a decoder's beginning.

    At most `most` tokens. `choose` takes the next from its scores `[1, vocabulary]`; `ended` hears of it, and says
    whether that was all.
    """

    network: Any
    first: Tensor | Mapping[str, Tensor]
    start: Tensor | None
    most: int
    choose: Callable[[Tensor], int]
    ended: Callable[[int], bool]

    def run(self, steps: Steps) -> None:
        """Run the model's own preparations (`generate` of transformers), then one step a token."""
        given: dict[str, Any] = {}
        if self.start is not None:
            given = {"decoder_input_ids": self.start, "past_key_values": decoder_cache()}

        def loop(network: Any, input_ids: Tensor, **prepared: Any) -> Tensor:
            return self._loop(steps, network, input_ids, **prepared)

        settings = copy.deepcopy(self.network.generation_config)
        if self.start is not None:  # transformers puts its own before any other that the decoder begins with
            settings.decoder_start_token_id = int(self.start[0, 0])
        settings.update(
            num_beams=1, num_return_sequences=1, do_sample=False, use_cache=True, max_length=None,
            max_new_tokens=self.most + 1,  # one more: else a forced end would come early
        )  # fmt: skip
        if isinstance(self.first, Tensor):
            given |= {"input_ids": self.first, "attention_mask": torch.ones_like(self.first)}
        else:
            given |= self.first
            settings.forced_decoder_ids = None  # they stand in `start`
        self._preparing()(
            self.network, generation_config=settings, **placed(self.network, given), custom_generate=loop,
            cache_implementation=None,  # one that grows; in `settings` None would give way to what the model asks for
        )  # fmt: skip

    def _preparing(self) -> Callable[..., object]:
        """What makes masks, caches and the rest; not Whisper's own `generate`, which does more (`hearing.prompts`)."""
        from transformers import GenerationMixin

        return type(self.network).generate if isinstance(self.first, Tensor) else GenerationMixin.generate

    def _loop(
        self, steps: Steps, network: Any, ids: Tensor, logits_processor: Callable[[Tensor, Tensor], Tensor],
        stopping_criteria: Callable[[Tensor, None], Tensor], generation_config: object, **given: Any,
    ) -> Tensor:  # fmt: skip
        """Forward passes until the text ends, the last over the last token written."""
        given.pop("logits_to_keep", None)  # those of the prompt are wanted too
        ended, take = False, None
        while True:
            inputs = network.prepare_inputs_for_generation(
                ids, next_sequence_length=take, is_first_iteration=take is None, **given
            )
            result = network(**inputs, return_dict=True, output_hidden_states=True)
            cached = any(result.get(name) is not None for name in CACHES)
            steps.add(brought(result), cached=cached)
            if ended or steps.blind:  # a blind model is refused by `record`
                return ids
            given = network._update_model_kwargs_for_generation(
                result, given, is_encoder_decoder=self.start is not None
            )
            take = 1 if cached else None
            with guarded(lambda reason: ModelError("settings_wrong", reason=first_line(reason))):
                scores = logits_processor(ids, result.logits[:, -1].float())
            number = self.choose(scores)
            ids = torch.cat([ids, ids.new_tensor([[number]])], dim=-1)
            ended = self.ended(number) or bool(stopping_criteria(ids, None).all())

"""A small language model built and really trained here: it learns a few conversations by heart, prompt and answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aiyam.llm.interface import Message
from aiyam.nlu.examples import Example
from aiyam.nlu.instructions import answer_of, messages_for

TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


Lesson = tuple[list[Message], str]
"""A conversation and its answer."""


def lessons_of(rows: Sequence[Example]) -> list[Lesson]:
    """Return labelled rows as the understanding asks for them."""
    return [(messages_for(row.text, shots=()), answer_of(row)) for row in rows]


def build(folder: Path, lessons: Sequence[Lesson], *, n_steps: int = 0, chat: bool = True, seed: int = 0) -> Path:
    """Write a Llama of 2 layers x 64 with its own tokenizer, trained ``n_steps`` to answer as the lessons do."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    prompts, answers = [prompt for prompt, _ in lessons], [answer for _, answer in lessons]
    texts = [m.content for prompt in prompts for m in prompt] + answers * 3
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=2000,
            special_tokens=specials,
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|end|>")
    if chat:
        fast.chat_template = TEMPLATE
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(fast) + 3,  # wider than the tokenizer, as published models often are
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=4096,
            pad_token_id=0,
            bos_token_id=None,
            eos_token_id=1,
            tie_word_embeddings=True,
        )
    )
    if n_steps:
        _learn(model, fast, prompts, answers, n_steps)
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def _learn(model: object, tokenizer: object, prompts: list[list[Message]], answers: list[str], n_steps: int) -> None:
    import torch

    rows = []
    for prompt, answer in zip(prompts, answers, strict=True):
        start = tokenizer.apply_chat_template([m.as_json() for m in prompt], add_generation_prompt=True)["input_ids"]
        end = tokenizer(answer + "<|end|>")["input_ids"]
        rows.append((start, end))
    width = max(len(start) + len(end) for start, end in rows)
    ids, labels, mask = (torch.full((len(rows), width), fill) for fill in (0, -100, 0))
    for i, (start, end) in enumerate(rows):
        n = len(start) + len(end)
        ids[i, :n] = torch.tensor([*start, *end])
        labels[i, len(start) : n] = torch.tensor(end)
        mask[i, :n] = 1
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(n_steps):
        hidden = model.model(input_ids=ids, attention_mask=mask).last_hidden_state[:, :-1]
        scored = labels[:, 1:] >= 0
        loss = torch.nn.functional.cross_entropy(model.lm_head(hidden[scored]), labels[:, 1:][scored])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()


def labelled() -> list[Example]:
    """Three rows as the data folder labels them: the ones the small model learns."""
    return [
        Example("떡볶이 먹고시퍼", "FOOD_RECOMMENDATION", (("menu", 0, 3, "떡볶이"),), {"menus": ["떡볶이"]}),
        Example(
            "천원짜리 김밥 어디",
            "BUDGET_FOOD_INQUIRY",
            (("budget", 0, 2, 1000), ("menu", 5, 7, "김밥")),
            {"menus": ["김밥"], "budget_max": 1000},
        ),
        Example("선한 영향력 가게 가면 돈 안내도 돼?", "GOOD_SHOP_INQUIRY", (), {"good_shop": True}),
    ]

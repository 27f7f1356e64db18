"""Adapter training and generation for a shape of language model: the memory it needs, and tokens/s with random weights.

    python tests/bench/lora.py                                      # the memory of a 7B model, computed
    python tests/bench/lora.py --measure --layers 32 --hidden 4096 --heads 32 --kv-heads 32 --ffn 10880 --vocab 102400
    python tests/bench/lora.py --measure --layers 2 --hidden 128 --heads 4 --kv-heads 4 --ffn 256 --vocab 4000 --tokens 256

Prints one JSON object. The default shape is that of a 7B model of the Llama family with a large vocabulary. With
``--measure`` the model is made with random weights (CUDA in bfloat16 where there is one, else float32 on the processor), an
adapter is trained for ``--steps`` steps as the product trains, and text is generated with a kept prompt prefix and without.
``--recompute`` is gradient checkpointing. Peak memory is measured on CUDA and stands beside what was computed.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from aiyam.training.lora_batches import Encoded
from aiyam.training.lora_fit import LoraOptions, answer_loss, with_lora

GIB = 2**30
NF4_BYTES = 0.516
"""4 bits a weight, and one doubly quantised scale for 64 of them (Dettmers et al., QLoRA, 2023)."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a model of the Llama family, embeddings not tied to the output."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int

    @property
    def kv(self) -> int:
        """Width of keys, and of values."""
        return self.hidden * self.kv_heads // self.heads

    @property
    def n_layer(self) -> int:
        """Weights of one layer."""
        return 2 * self.hidden**2 + 2 * self.hidden * self.kv + 3 * self.hidden * self.ffn + 2 * self.hidden

    @property
    def n_weights(self) -> int:
        """Weights of the model."""
        return self.layers * self.n_layer + 2 * self.vocab * self.hidden + self.hidden

    def n_adapter(self, rank: int) -> int:
        """Weights of an adapter on q, k, v and o."""
        return self.layers * rank * (2 * (self.hidden + self.hidden) + 2 * (self.hidden + self.kv))


def memory_gib(shape: Shape, rank: int, tokens: int, answers: int) -> dict[str, Any]:
    """Compute what training one batch of ``tokens`` packed tokens takes, ``answers`` of them learned; in GiB.

    Weights in bfloat16; the adapter, its gradients and AdamW's two moments in float32. Kept for going back through a layer,
    as tensors saved by one were counted (a token, in bfloat16 numbers): what the two norms see, five times in float32;
    the four adapters' dropped-out inputs and inner values; queries, keys, values and the attention's output; the gate, the
    other branch and their product. With recomputing only each layer's input, and one layer at a time in full.
    """
    h, kv, ffn = shape.hidden, shape.kv, shape.ffn
    a_layer = (10 * h + 4 * h + 4 * rank + 2 * h + 2 * kv + 3 * ffn) * tokens * 2
    mask = tokens * tokens * 2
    logits = answers * shape.vocab * (2 + 4 + 4)
    parts = {
        "weights_bf16": shape.n_weights * 2,
        "weights_nf4": (shape.n_weights - 2 * shape.vocab * h) * NF4_BYTES + 2 * shape.vocab * h * 2,
        "adapter_gradients_adamw": shape.n_adapter(rank) * 16,
        "activations": shape.layers * a_layer,
        "activations_recomputed": shape.layers * h * tokens * 2 + a_layer,
        "logits": logits,
        "mask": mask,
    }
    rest = parts["adapter_gradients_adamw"] + logits + mask
    totals = {
        "training": parts["weights_bf16"] + parts["activations"] + rest,
        "training_recomputed": parts["weights_bf16"] + parts["activations_recomputed"] + rest,
        "training_nf4_recomputed": parts["weights_nf4"] + parts["activations_recomputed"] + rest,
        "generation_2048_tokens": parts["weights_bf16"] + shape.layers * 2 * kv * 2048 * 2,
        "generation_nf4_2048_tokens": parts["weights_nf4"] + shape.layers * 2 * kv * 2048 * 2,
    }
    return {
        "weights": shape.n_weights,
        "adapter_weights": shape.n_adapter(rank),
        "parts_gib": {name: round(value / GIB, 2) for name, value in parts.items()},
        "totals_gib": {name: round(value / GIB, 2) for name, value in totals.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (
        ("layers", 32),
        ("hidden", 4096),
        ("heads", 32),
        ("kv-heads", 32),
        ("ffn", 10880),
        ("vocab", 102400),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--batch", type=int, default=4, help="rows of a batch")
    parser.add_argument("--tokens", type=int, default=900, help="tokens of a row")
    parser.add_argument("--answer", type=int, default=150, help="tokens of them that are learned, and generated")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--recompute", action="store_true")
    parser.add_argument("--measure", action="store_true", help="make the model and run it")
    parser.add_argument("--device", default=None)
    args = parser.parse_args()
    shape = Shape(args.layers, args.hidden, args.heads, args.kv_heads, args.ffn, args.vocab)
    out: dict[str, Any] = {
        "shape": vars(shape),
        "batch": {
            "rows": args.batch,
            "tokens_a_row": args.tokens,
            "answer_tokens_a_row": args.answer,
            "rank": args.rank,
        },
        "computed": memory_gib(shape, args.rank, args.batch * args.tokens, args.batch * args.answer),
    }
    if args.measure:
        out["measured"] = measure(shape, args)
    print(json.dumps(out, indent=1))


def measure(shape: Shape, args: argparse.Namespace) -> dict[str, Any]:
    """Train and generate with random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    device = torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    config = LlamaConfig(
        vocab_size=shape.vocab, hidden_size=shape.hidden, intermediate_size=shape.ffn, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads, max_position_embeddings=32768,
        bos_token_id=None, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16 if device.type == "cuda" else torch.float32)
    with device:
        model: Any = LlamaForCausalLM(config)
    torch.set_default_dtype(previous)
    found: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"cpu, {torch.get_num_threads()} thread",
        "dtype": str(next(model.parameters()).dtype),
        "generation": generation(model.eval(), args, device),
    }
    found["training"] = training(model, args, device)
    return found


def generation(model: Any, args: argparse.Namespace, device: Any) -> dict[str, Any]:
    """Generate greedily after a prompt, with the first three quarters of it kept and without."""
    import torch

    from aiyam.llm.prefix import Prefixes

    prompt = torch.randint(0, args.vocab, (1, max(32, args.tokens - args.answer)), device=device)
    n_constant = prompt.shape[1] * 3 // 4
    prefixes = Prefixes()
    found: dict[str, Any] = {"prompt_tokens": prompt.shape[1], "kept_tokens": n_constant}
    with torch.inference_mode():
        prefixes.start_for(model, prompt, n_constant, None)
        for name, keeps in (("", False), ("_kept_prefix", True)):
            for n_new in (1, args.answer):
                best = min(
                    _generate(model, prompt, prefixes, n_constant if keeps else 0, n_new, device) for _ in range(3)
                )
                found[f"{'first_token' if n_new == 1 else 'all'}_s{name}"] = round(best, 4)
    found["tokens_per_s"] = round((args.answer - 1) / max(1e-9, found["all_s"] - found["first_token_s"]), 1)
    return found


def _generate(model: Any, prompt: Any, prefixes: Any, n_constant: int, n_new: int, device: Any) -> float:
    import torch

    started = time.perf_counter()
    start = prefixes.start_for(model, prompt, n_constant, None)
    mask = torch.ones_like(prompt)
    model.generate(input_ids=prompt, attention_mask=mask, max_new_tokens=n_new, do_sample=False, past_key_values=start)
    _finish(device)
    return time.perf_counter() - started


def training(model: Any, args: argparse.Namespace, device: Any) -> dict[str, Any]:
    """Run steps of the product's loss and AdamW on packed rows."""
    import torch

    options = LoraOptions(rank=args.rank, recompute=args.recompute)
    peft = with_lora(model, options, base="random")
    if args.recompute:
        peft.activation_checkpointing_enable({"use_reentrant": False})
    learned = [weight for weight in peft.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=1e-4, fused=device.type == "cuda")
    rows = [
        Encoded(tuple(torch.randint(0, args.vocab, (args.tokens,)).tolist()), args.tokens - args.answer)
        for _ in range(args.batch)
    ]
    peft.train()
    seconds = []
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    for _ in range(args.steps + 1):
        started = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = answer_loss(peft, rows) / (args.batch * args.answer)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        _finish(device)
        seconds.append(time.perf_counter() - started)
    middle = sorted(seconds[1:])[len(seconds[1:]) // 2]
    n_tokens = args.batch * args.tokens
    found = {"step_s": round(middle, 4), "tokens_per_s": round(n_tokens / middle), "recompute": args.recompute}
    if device.type == "cuda":
        found["peak_gib"] = round(torch.cuda.max_memory_allocated(device) / GIB, 2)
    return found


def _finish(device: Any) -> None:
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()

"""The loss at labelled positions, without the logits: python examples/ops/linear_cross_entropy.py"""

import torch

from ayar.ops import FrozenWeight, linear_cross_entropy

TOKENS, HIDDEN, VOCAB = 200, 64, 5000


def main() -> float:
    """The relative difference of the gradient to that of torch's cross entropy over all logits."""
    torch.manual_seed(0)
    hidden, head = torch.randn(TOKENS, HIDDEN, requires_grad=True), torch.randn(VOCAB, HIDDEN) / HIDDEN**0.5
    targets = torch.randint(0, VOCAB, (TOKENS,))
    labelled = torch.arange(150, TOKENS)  # the answer behind its prompt
    theirs = torch.nn.functional.cross_entropy(hidden[labelled] @ head.T, targets[labelled], reduction="sum")
    (wanted,) = torch.autograd.grad(theirs, hidden)

    loss = linear_cross_entropy(hidden, FrozenWeight.pack([head]), labelled, targets[labelled])
    (got,) = torch.autograd.grad(loss, hidden)
    difference = float((got - wanted).norm() / wanted.norm())
    print(f"loss {loss / len(labelled):.4f} a token, torch's is {theirs / len(labelled):.4f}; gradients differ by {difference:.1e}")
    return difference


if __name__ == "__main__":
    main()

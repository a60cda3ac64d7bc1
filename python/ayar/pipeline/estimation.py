"""Time and memory of a run before it starts: the rows are prepared in memory, packed, and the work counted; one product is measured."""

from ayar.pipeline.events import Progress, silent
from ayar.pipeline.plan import Plan, plan_of
from ayar.pipeline.preparation import PreparedRows, prepared_in_memory
from ayar.pipeline.training import packer_of, tokenized
from ayar.recipe import Recipe


def estimate(recipe: Recipe, progress: Progress = silent) -> Plan:
    """Nothing is written to disk."""
    model, made = prepared_in_memory(recipe, progress)
    rows = PreparedRows(recipe.output, made.train, made.test, made.report)
    examples = tokenized(recipe, model, made.train)
    batches = packer_of(recipe, examples)
    packs = [batches(epoch) for epoch in range(recipe.train.epochs)]
    steps = sum(-(-len(batches) // recipe.train.grad_accumulation_steps) for batches in packs)
    tokens = sum(len(batch.input_ids) for batches in packs for batch in batches)
    limit = recipe.train.max_steps
    if limit is not None and limit < steps:
        steps, tokens = limit, round(tokens * limit / steps)
    return plan_of(recipe, model, packs[0], batches.max_tokens, rows, steps, tokens)

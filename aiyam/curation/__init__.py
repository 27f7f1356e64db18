"""From turns to what annotators are asked: views of what went wrong, recipes, sampling, previews, batches."""

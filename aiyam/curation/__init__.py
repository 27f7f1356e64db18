"""From turns to training data: what is sampled for labelling, what becomes rows, dataset versions, privacy."""

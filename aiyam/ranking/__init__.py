"""Layer 2: the feature table, the Wide & Deep ranker, reasons and diversity."""

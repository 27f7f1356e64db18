"""Understanding: from an utterance to intent, spans and filters, and what a follow-up refers to."""

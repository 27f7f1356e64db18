"""Language facts of Korean, free of any product: numerals, particles, jamo, places, spelling."""

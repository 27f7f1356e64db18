"""Layer 1: four funnels, hard constraints, one merged candidate list."""

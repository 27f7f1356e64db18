"""Trainers: prepare, fit, evaluate, save; each writes one sealed model version."""

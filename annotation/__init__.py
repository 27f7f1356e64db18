"""Label Studio, fed and read back."""

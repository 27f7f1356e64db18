"""What may come in and go out, and personal data found and masked."""

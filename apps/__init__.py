"""What a person or a service opens: the chat, the dashboard, the API."""

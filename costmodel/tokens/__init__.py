"""Tokens of text, chats and datasets: counted exactly, or estimated where someone asks for it."""

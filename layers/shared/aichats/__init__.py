"""Creates AI chats automatically: the code that all functions share."""

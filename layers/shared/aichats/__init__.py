"""Makes AI chats happen by themselves: the code that all functions share."""

"""What is said: messages, answers, their JSON and their names. Pure."""

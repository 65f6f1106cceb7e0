"""What happens in a life: each event runs commands, and looks at what they leave."""

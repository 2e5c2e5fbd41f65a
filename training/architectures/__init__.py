"""The networks that a recipe can ask for."""

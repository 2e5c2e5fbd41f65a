"""The routes: thin; what they do lies in inference and uploads."""

"""API keys: who may use the service, for what and how often. Without a file of keys, only this machine may."""

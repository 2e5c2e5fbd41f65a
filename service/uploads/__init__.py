"""From a request's body to the encoded images in it."""

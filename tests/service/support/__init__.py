"""What the tests of the service share: a moody model, bodies, clients that break the rules, the shape of errors."""

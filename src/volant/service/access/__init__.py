"""Access to the service: tokens, limits on requests and connections, rates."""

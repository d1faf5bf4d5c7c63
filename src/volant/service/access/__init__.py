"""Who may do what: tokens, limits on requests and connections, rates."""

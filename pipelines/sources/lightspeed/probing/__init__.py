"""Questions that read-only requests can decide about one account's API, asked within a budget of drips."""

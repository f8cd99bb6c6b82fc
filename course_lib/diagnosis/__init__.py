"""From alerts to a diagnosis: triage, decomposition, ranking, incident log."""

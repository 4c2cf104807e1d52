"""What a sceptic runs: a stored run rechecked, and its lemmas put to checkers that are not ours."""

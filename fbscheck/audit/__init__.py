"""Outside checkers that decide the lemmas anew."""

"""Pictures of the first lesson, as HTML that shrinks with the screen; each says in words what it shows."""

"""Who owes whom, and what follows from it: contagion and cascades (`docs/contagion.md`)."""

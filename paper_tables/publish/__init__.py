"""An experiment's scores as they are kept in the repository, and the README's tables."""

"""The files that travel with the package: contracts and SQL, linked here from the top of the repository."""

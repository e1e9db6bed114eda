"""What docker-compose.yml and the files beside it say; needs no engine."""

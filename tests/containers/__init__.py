"""The containers of docker-compose.yml, built and run by a real engine; `make test-containers` runs these."""

"""What `make test-airflow` runs: the schedules of dags/ in a real Airflow."""

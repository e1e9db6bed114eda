"""The demo's material: charts made up by a fixed rule, and the questions the demo asks of the warehouse."""

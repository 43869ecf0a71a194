"""The training of the forecaster of Beijing's air, and what it is measured by."""

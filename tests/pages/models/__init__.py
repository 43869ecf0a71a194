"""The models page under AppTest."""

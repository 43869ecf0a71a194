"""What every page owes: address, links, faults, plain text, readiness."""

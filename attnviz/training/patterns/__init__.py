"""What lab-4 loses under sparse patterns."""

"""What files of models say, before it is believed."""

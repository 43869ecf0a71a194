"""What a model's run has to be repeated or differentiated for, to say which places an answer rests on."""

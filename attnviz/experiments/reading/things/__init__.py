"""What an answer rests on where a loaded model reads no text: values over time."""

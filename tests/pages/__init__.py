"""The pages under AppTest, alone and through app.py."""

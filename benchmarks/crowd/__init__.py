"""What a class costs: many people at once over Streamlit's own protocol, and a few in real browsers."""

"""What is sent, and when: lengths, texts, arrivals, recorded conversations and traces."""

"""The ports in terms of AWS and of the model's SDK. No adapter knows another."""

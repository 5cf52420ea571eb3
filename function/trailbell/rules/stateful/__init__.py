"""What only many events together tell: bursts, sequences, what was never seen before."""

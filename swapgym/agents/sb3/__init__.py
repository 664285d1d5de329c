"""Training: hyperparameters, discounting by time, run folders and checkpoints, and what TensorBoard is told."""

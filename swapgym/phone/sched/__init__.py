"""The scheduler: who asks for CPU, who gets which CPU and how much of it, and at what clock it runs."""

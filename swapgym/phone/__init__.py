"""The simulated phone: NumPy records and Numba kernels. It knows nothing of Gymnasium."""

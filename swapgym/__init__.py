"""swapgym: a simulated phone on which a policy decides where dying processes' swap entries are released.

Importing it registers the environments with Gymnasium; the simulator itself is loaded when one is made.
"""

from swapgym.envs.registration import register_envs

__version__ = "0.1.0"
__all__ = ["__version__", "register_envs"]

register_envs()

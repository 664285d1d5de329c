"""Are decision epochs worth a decision? How often a policy is asked, and what an answer is worth.

At decisions drawn from episodes of a base policy, both routes are tried and the base policy goes on: the difference of
what the episode then costs is the route's **advantage**. Measured of it: how large it is, and how well a learner that
discounts by decisions (gamma 0.99, the default of the libraries) sees it.
"""

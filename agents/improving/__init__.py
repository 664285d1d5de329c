"""Policy iteration by paired continuations: a moment played on by both routes, and a network that tells them apart.

Gradient methods see one future per decision, and of some four hundred decisions of an episode each moves its score by
a few ten-thousandths, beside kills that move it by a tenth. Here a moment of a train episode is continued twice, by
either route, with everything else the same (common random numbers): what differs is what the decision is worth in that
future. A network that is regressed on many such differences estimates their mean given the observation, and deciding by
it is one step of policy iteration (Lagoudakis and Parr, 2003, classify rollouts in this way). Nothing of the future is
in the observation: only training sees both branches.
"""

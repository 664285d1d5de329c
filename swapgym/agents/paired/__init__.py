"""Policy iteration by paired rollouts: a state played on by both routes, and a network that tells them apart.

Gradient methods see one future per decision, and most decisions of an episode move its score by little beside kills
that move it by a tenth. Here a state of a train episode is played on twice, by either route, with everything else the
same (common random numbers): what differs is what the route is worth in that future. A rollout keeps its route for
half a second, about as long as one storm of exits, before the policy goes on: to turn one victim alone changes little
where eight die together (action persistence: Metelli et al., 2020). A network that is regressed on many such
differences estimates their mean given the observation, and deciding by it is one step of policy iteration (Lagoudakis
and Parr, 2003, classify rollouts in this way). Nothing of the future is in the observation: only training sees both
branches.
"""

"""What is the observation worth? How much of the choice between the two routes it tells, with and without parts.

The **two-route hindsight gap** is what it would bring to know, for each episode of the default task, which of always
inline and always defer costs less. A boosted tree sees the observation of the episode's first decision and predicts the
difference; the share of the gap that its choice closes on other episodes is what the observation tells. Parts are left
out in groups, and what a launch is expected to allocate is made exact, or wrong by a factor of two.
"""

"""Which task should be the default? Kernel variant, device and exchange rate at which the trade-off can be seen.

Always inline and always defer are played on many train scenarios of every candidate. A good default is one where they
differ clearly in lag and in peak, in opposite directions; where neither is best everywhere; and where single collateral
kills, worth a second each, do not drown what is decided. The phone is as it is: only the choice among its variants is
made here.
"""

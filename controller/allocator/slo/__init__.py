"""What a plan must hold to so that an SLO is met: the rules, pure."""

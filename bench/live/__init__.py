"""Live replay: a plan on real Triton processes that sleep as long as an A100 would compute."""

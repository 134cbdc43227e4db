"""`make fuzz-codec`: the codec's decoder under coverage-guided fuzzing (atheris, libFuzzer)."""
